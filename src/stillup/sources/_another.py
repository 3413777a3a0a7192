"""Another stillup, asked about one service: what reading its reports and reading its pooled counts share."""

from __future__ import annotations

from typing import Protocol, TypeVar

from stillup.errors import Malformed, NotConfigured
from stillup.net import Request
from stillup.secret import Secret
from stillup.sources.base import Context, HttpSource
from stillup.sources.decode import decode_json


class _AboutService(Protocol):
    @property
    def service(self) -> str: ...


_Answer = TypeVar("_Answer", bound=_AboutService)


class AnotherStillup(HttpSource):
    """One request to its API, switched on by its address. Subclasses give ``id``, ``path`` and :meth:`parse`."""

    path: str

    def covers(self, ctx: Context) -> bool:
        """Only where the configuration names it."""
        return bool(ctx.setting.base_url)

    def requests(self, ctx: Context) -> tuple[Request, ...]:
        """The question about the service; with its token where one is set.

        :raises NotConfigured: its address is not set.
        """
        if not ctx.setting.base_url:
            msg = f"there is no address of another stillup (sources.{self.id}.base_url)"
            raise NotConfigured(msg)
        headers: list[tuple[str, str | Secret]] = [("Accept", "application/json")]
        if ctx.setting.key is not None:
            headers.append(("Authorization", ctx.setting.key.bearer()))
        url = f"{ctx.setting.base_url.rstrip('/')}{self.path}"
        return (Request(url=url, params=(("service", ctx.service.id),), headers=tuple(headers)),)

    def answer(self, body: bytes, shape: type[_Answer], ctx: Context) -> _Answer:
        """What it says.

        :raises Malformed: it is of another shape, or about another service.
        """
        answer = decode_json(body, shape)
        if answer.service != ctx.service.id:
            msg = f"the {self.id} answered about another service"
            raise Malformed(msg)
        return answer
