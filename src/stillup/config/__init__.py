"""The user's configuration: one TOML file, every key optional, and ``STILLUP_*`` variables over it."""

from __future__ import annotations

from stillup.config.load import load_config, parse_config
from stillup.config.model import Config
from stillup.config.setting import Setting

__all__ = ["Config", "Setting", "load_config", "parse_config"]
