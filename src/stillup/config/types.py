"""Types of configuration values that mean more than their shape: each names how it is checked."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

from stillup.config.kinds import Kind


def kind(of: Kind) -> Meta:
    """How a value is checked beyond its shape."""
    return Meta(extra={"kind": of})


def says(text: str) -> Meta:
    """What a key is, for the reference and for refusals."""
    return Meta(description=text)


BaseUrl: TypeAlias = Annotated[str, kind(Kind.BASE_URL)]
Url: TypeAlias = Annotated[str, kind(Kind.URL)]
Listen: TypeAlias = Annotated[str, kind(Kind.LISTEN)]
FolderOrFile: TypeAlias = Annotated[str, kind(Kind.PATH)]
KeyFile: TypeAlias = Annotated[str, kind(Kind.KEY_FILE)]
Variable: TypeAlias = Annotated[str, kind(Kind.VARIABLE)]
Service: TypeAlias = Annotated[str, kind(Kind.SERVICE)]
Country: TypeAlias = Annotated[str, kind(Kind.COUNTRY)]
Control: TypeAlias = Annotated[str, kind(Kind.CONTROL)]
Id: TypeAlias = Annotated[str, kind(Kind.ID)]
Network: TypeAlias = Annotated[str, kind(Kind.NETWORK)]
Hop: TypeAlias = Annotated[str, kind(Kind.HOP)]
Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=200)]
Usd: TypeAlias = Annotated[float, Meta(gt=0, le=1_000_000)]
