"""A shelf as a stream: a thing in pieces, then one message that says which pieces make it.

NATS has an object store, but nats-py waits without an end for a piece that is gone, and a piece goes when somebody
else puts the thing anew meanwhile. Here the pieces of the last two of each stay.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import NotFoundError

from stillup.bus.jetstream.faults import translated
from stillup.bus.jetstream.streams import Streams
from stillup.bus.names import must_be_name

if TYPE_CHECKING:
    from nats.js.client import JetStreamContext

PIECE_BYTES = 512 * 1024
# What a process left in pieces when it died goes by itself; what is put anew now and then stays.
STANDS_S = 30 * 86_400.0


class Whole(Struct, frozen=True):
    """Which pieces make the thing; ``before``: those of the one before."""

    pieces: str
    count: Annotated[int, Meta(ge=0, le=4096)]
    digest: str
    before: str | None


class NatsShelf:
    """One stream; a subject for what stands under a name, and one for each piece."""

    def __init__(self, streams: Streams, name: str) -> None:
        self._streams = streams
        self._name = streams.name("shelf", name)
        self._root = streams.subject("shelf", name)

    def _config(self) -> StreamConfig:
        return StreamConfig(
            name=self._name,
            description="stillup: a shelf",
            subjects=[f"{self._root}.>"],
            storage=StorageType.FILE,
            max_msgs_per_subject=1,
            max_age=STANDS_S,
        )

    async def put(self, name: str, data: bytes) -> None:
        here = f"{self._root}.{must_be_name(name)}"
        js = await self._streams.js(self._config())
        pieces = (await self._streams.client()).new_inbox().rpartition(".")[2]
        count = -(-len(data) // PIECE_BYTES)
        with translated():
            last = await self._whole(js, here)
            for n in range(count):
                await self._say(f"{here}.{pieces}.{n}", data[n * PIECE_BYTES :][:PIECE_BYTES])
            whole = Whole(pieces, count, sha256(data).hexdigest(), last.pieces if last else None)
            await self._say(f"{here}.whole", msgspec.json.encode(whole))
            if last and last.before:
                await js.purge_stream(self._name, subject=f"{here}.{last.before}.>")

    async def _say(self, subject: str, body: bytes) -> None:
        await self._streams.publish(self._config(), subject, body)

    async def get(self, name: str) -> bytes | None:
        here = f"{self._root}.{must_be_name(name)}"
        js = await self._streams.js(self._config())
        with translated():
            whole = await self._whole(js, here)
            if whole is None:
                return None
            found = [await self._last(js, f"{here}.{whole.pieces}.{n}") for n in range(whole.count)]
        data = b"".join(piece for piece in found if piece is not None)
        return data if sha256(data).hexdigest() == whole.digest else None

    async def _whole(self, js: JetStreamContext, here: str) -> Whole | None:
        said = await self._last(js, f"{here}.whole")
        try:
            return msgspec.json.decode(said, type=Whole) if said else None
        except msgspec.MsgspecError:
            return None

    async def _last(self, js: JetStreamContext, subject: str) -> bytes | None:
        try:
            return (await js.get_last_msg(self._name, subject)).data or b""
        except NotFoundError:
            return None
