"""One source's options for one service: the word for the service over the word for all, and the floor that binds."""

from __future__ import annotations

from msgspec.structs import asdict

from stillup.catalog.load import Endpoint, catalogue
from stillup.config.kinds import stays_here
from stillup.config.schema import FLOOR_S
from stillup.config.source_options import ProbeOptions, SourceConfig, SourceOptions

_LOCAL = frozenset({"claude_code", "codex", "gemini_cli", "gateway"})
"""Sources that read this machine only; they have no one to be polite to."""


def merged(source: SourceConfig, service_id: str) -> SourceOptions:
    """The options in force for one service; tables are put together, all else is replaced."""
    there = source.services.get(service_id)
    if there is None:
        return source.everywhere
    both = asdict(source.everywhere)
    for key, value in asdict(there).items():
        if value is not None:
            both[key] = _over(both[key], value)
    return type(there)(**both)


def _over(general: object, special: object) -> object:
    return {**general, **special} if isinstance(general, dict) and isinstance(special, dict) else special


def own_options(options: SourceOptions, service_id: str) -> dict[str, object]:
    """The keys that only this source has, where they are set; of the probe's endpoints, those this service has."""
    common = SourceOptions.__struct_fields__
    own = {key: value for key, value in asdict(options).items() if key not in common and value is not None}
    if isinstance(options, ProbeOptions) and options.endpoints:
        own["endpoints"] = {e.id: options.endpoints[e.id] for e in _endpoints(service_id) if e.id in options.endpoints}
    return own


def _endpoints(service_id: str) -> tuple[Endpoint, ...]:
    service = catalogue().get(service_id)
    return service.endpoints if service else ()


def own_floor_s(source_id: str, service_id: str, options: SourceOptions) -> int:
    """The least interval this source may have for this service: 1 s where only this machine is asked, else 60 s."""
    if source_id in _LOCAL or (options.base_url and stays_here(options.base_url)):
        return 1
    if isinstance(options, ProbeOptions) and options.endpoints:
        urls = [options.endpoints.get(e.id, e.url) for e in _endpoints(service_id)]
        return 1 if urls and all(stays_here(url) for url in urls) else FLOOR_S
    return FLOOR_S
