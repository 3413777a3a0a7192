"""What NATS says when it fails, in our words."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import nats.errors as nats_errors
import nats.js.errors as js_errors

from stillup.errors import BusError, BusRefused

# The numbers of the server's own table of errors (server/errors.json of nats-server).
NOT_CLUSTERED = 10074
NO_PEERS = 10005
NAME_IN_USE = 10058
OVERLAPS = 10065
WRONG_LAST = frozenset({10071, 10164})
NO_JETSTREAM = frozenset({10039, 10076, 10116})
NO_ROOM = frozenset({10023, 10028, 10047, 10077})

ANSWER_S = 3.0  # to an answer; and to wait for a connection that is just being made again

NO_JETSTREAM_SAYS = "NATS is there, but without JetStream, which stillup needs: start nats-server with -js"
REFUSED_SAYS = "NATS refuses the credentials of [cluster]"
NOBODY_SAYS = "the part of NATS that keeps this does not answer (its leader may be being chosen)"


# The first that fits speaks.
_BY_KIND: tuple[tuple[tuple[type[Exception], ...], type[BusError], str], ...] = (
    (
        (nats_errors.AuthorizationError, nats_errors.InvalidUserCredentialsError),
        BusRefused,
        REFUSED_SAYS,
    ),
    (
        (js_errors.NoStreamResponseError, nats_errors.NoRespondersError, js_errors.ServiceUnavailableError),
        BusError,
        NOBODY_SAYS,
    ),
    (
        (nats_errors.SecureConnWantedError,),
        BusRefused,
        "it offers no TLS, which was asked for; nothing was sent to it",
    ),
    ((TimeoutError,), BusError, "NATS does not answer in time"),
    (
        (nats_errors.MaxPayloadError,),
        BusRefused,
        "NATS takes only smaller messages: its max_payload must be 1 MB at least",
    ),
    (
        (nats_errors.NoServersError, nats_errors.ConnectionClosedError, nats_errors.StaleConnectionError),
        BusError,
        "the connection to NATS is gone",
    ),
    (
        (ssl.SSLCertVerificationError,),
        BusRefused,
        "its certificate is not vouched for by the authority that was given ([cluster] ca_file)",
    ),
    ((ConnectionError,), BusError, "nothing answers there"),
)


def fault(error: Exception) -> BusError:
    """One of ours for one of theirs; what they say is shown, never what was sent."""
    if isinstance(error, BusError):
        return error
    if isinstance(error, js_errors.APIError) and (said := _said_by_server(error)):
        return said
    if any(word in str(error).casefold() for word in ("authorization violation", "authentication")):
        return BusRefused(REFUSED_SAYS)
    for kinds, make, words in _BY_KIND:
        if isinstance(error, kinds):
            return make(words)
    return BusError(f"NATS cannot be used: {type(error).__name__}: {str(error)[:200]}")


def _said_by_server(error: js_errors.APIError) -> BusError | None:
    if error.err_code in NO_JETSTREAM:
        return BusRefused(NO_JETSTREAM_SAYS)
    if error.err_code in NO_ROOM:
        return BusError(f"NATS has no room left for what the bus keeps: {error.description}")
    if error.description and not isinstance(error, js_errors.ServiceUnavailableError):
        return BusError(f"NATS says: {error.description}")
    return None


@contextmanager
def translated() -> Iterator[None]:
    """Errors of NATS and of the network come out as :class:`stillup.errors.BusError`; a cancellation always comes out.

    nats-py waits by ``asyncio.wait_for``, which in Python 3.11 swallows a cancellation that comes in the same moment as
    the answer. What was cancelled before (a clean-up asks the bus too) does not count.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    except (nats_errors.Error, OSError, TimeoutError) as error:
        raise fault(error) from error
    if task and task.cancelling() > before:
        raise asyncio.CancelledError
