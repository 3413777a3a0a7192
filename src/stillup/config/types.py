"""Types of configuration values that mean more than their shape: each names how it is checked."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

from stillup.config.kinds import Kind


def _kind(kind: Kind) -> Meta:
    return Meta(extra={"kind": kind})


BaseUrl: TypeAlias = Annotated[str, _kind(Kind.BASE_URL)]
Url: TypeAlias = Annotated[str, _kind(Kind.URL)]
Listen: TypeAlias = Annotated[str, _kind(Kind.LISTEN)]
FolderOrFile: TypeAlias = Annotated[str, _kind(Kind.PATH)]
KeyFile: TypeAlias = Annotated[str, _kind(Kind.KEY_FILE)]
Variable: TypeAlias = Annotated[str, _kind(Kind.VARIABLE)]
Service: TypeAlias = Annotated[str, _kind(Kind.SERVICE)]
Country: TypeAlias = Annotated[str, _kind(Kind.COUNTRY)]
Control: TypeAlias = Annotated[str, _kind(Kind.CONTROL)]
Id: TypeAlias = Annotated[str, _kind(Kind.ID)]
Network: TypeAlias = Annotated[str, _kind(Kind.NETWORK)]
Hop: TypeAlias = Annotated[str, _kind(Kind.HOP)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Usd: TypeAlias = Annotated[float, Meta(gt=0, le=1_000_000)]
