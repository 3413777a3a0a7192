"""The configuration in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from stillup.config.schema import Document
from stillup.config.setting import Setting
from stillup.config.source_options import SourceConfig, SourceOptions, options_type
from stillup.errors import ConfigError
from stillup.registry import SOURCES, SourceSpec, usable_sources
from stillup.secret import Secret


class Config(Document, frozen=True, kw_only=True):
    """What the user set, with everything unset at its default; it does not change after it is loaded.

    ``path`` is the file it came from, None without one. ``warnings`` are sentences for the person who starts stillup.
    """

    path: Path | None = None
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Document, *, path: Path | None, warnings: tuple[str, ...]) -> Config:
        """A document that was found good."""
        said = {key: getattr(document, key) for key in Document.__struct_fields__}
        return cls(**said, path=path, warnings=warnings)

    @property
    def data_folder(self) -> Path:
        """Where the database and all that is saved lie; the folder may not exist yet."""
        if self.data is not None:
            return Path(self.data)
        from platformdirs import user_data_path

        return user_data_path("stillup")

    @property
    def database(self) -> Path:
        """The file of everything heard and judged; it may not exist yet."""
        return self.data_folder / "stillup.db"

    def store_at(self, environ: Mapping[str, str]) -> Path | Secret:
        """Where what was heard and judged is kept: the file, or the PostgreSQL address that was given.

        :raises stillup.errors.ConfigError: the address cannot be read, or is none.
        """
        from stillup.config.keys import key_at

        address = key_at(self.store.url_env, self.store.url_file, environ)
        if address is None:
            return self.database
        if not address.reveal().startswith(("postgresql", "postgres:")) or "://" not in address.reveal():
            msg = (
                f"{self.store.url_env} (or the file `store.url_file` names) holds no address of a database: "
                "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
            )
            raise ConfigError(msg)
        return address

    def reads_any(self, service_ids: Iterable[str]) -> bool:
        """Whether any source is switched on for any of these services."""
        from stillup.config.merge import merged

        asked = ((self._said(spec.id), service, spec) for service in service_ids for spec in usable_sources())
        return any(_is_on(merged(source, service), spec) for source, service, spec in asked)

    def setting(self, source_id: str, service_id: str, environ: Mapping[str, str]) -> Setting:
        """How one source is to be read for one service; keys are taken from ``environ`` or their file.

        :raises KeyError: no such source.
        :raises stillup.errors.ConfigError: a key's file cannot be read.
        """
        from stillup.config.keys import find_key
        from stillup.config.merge import merged, own_floor_s, own_options

        spec = SOURCES[source_id]
        options = merged(self._said(source_id), service_id)
        interval_s = options.interval_s or spec.interval_s
        return Setting(
            base_url=options.base_url or "",
            key=find_key(source_id, service_id, options, environ),
            # A service that is asked for without being listed was not judged at load: the floor binds here too.
            interval_s=max(interval_s, own_floor_s(source_id, service_id, options)),
            enabled=_is_on(options, spec),
            daily_budget=options.daily_budget,
            options=own_options(options, service_id),
        )

    def _said(self, source_id: str) -> SourceConfig:
        """What the file says of a source."""
        return self.sources.get(source_id) or SourceConfig(everywhere=options_type(source_id)())


def _is_on(options: SourceOptions, spec: SourceSpec) -> bool:
    """Whether a source is switched on: as it is said, else unless a user has to ask for it."""
    return not spec.opt_in if options.enabled is None else options.enabled
