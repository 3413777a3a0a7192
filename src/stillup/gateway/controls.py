"""What may be asked of the gateway itself, beyond looking: requests that were put off, and drills.

::

    GET    /stillup/later            what is kept of a user's; without users only whether anything can be
    GET    /stillup/later/ID         its answer, as the client would have got it; 202 while there is none
    GET    /stillup/later/ID/state   how far it is
    POST   /stillup/later/run        ask all that waits now, in line
    POST   /stillup/later/ID/run     ask that one next
    DELETE /stillup/later/ID         forget it
    GET    /stillup/fault            the drills under way
    POST   /stillup/fault            begin one: {"upstream": …, "mode": …, "for_s": …}
    DELETE /stillup/fault            end all; with ?upstream=NAME that one
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import msgspec

from stillup.gateway.faults.drill import Unfit
from stillup.gateway.later.item import Item, State
from stillup.gateway.later.told import HEADER, PATH
from stillup.gateway.own import JSON

if TYPE_CHECKING:
    from stillup.gateway.app import Gateway
    from stillup.gateway.core.door import Entry
    from stillup.gateway.outlet import Outlet
    from stillup.gateway.wire.server import Incoming

FAULT_PATH = "/stillup/fault"
_WAITING = (State.WAITING, State.RUNNING)
"""Of those of which nobody knows whether they were answered each wants a word of its own."""
_GONE = "nothing is kept under that id: it was never there, or is not yours, was cancelled, or was given up"
_OFF = "nothing is put off here: `gateway.defer` is false, or this gateway has no data folder"


class Controls:
    """Answers them; whoever asks has been let in, as the user ``entry`` says."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def answer(self, outlet: Outlet, request: Incoming, path: str, query: str, entry: Entry) -> bool:
        """Answer if the path is one of ours."""
        is_ours = path in (FAULT_PATH, PATH) or path.startswith(PATH + "/")
        if is_ours and any(name.lower() == b"origin" for name, _ in request.headers):
            # An editor's pages may talk to models here, and nothing else.
            says = b'{"error":{"message":"no web page and no editor may ask this"}}'
            outlet.answer(403, JSON, says)
            return True
        if path == FAULT_PATH:
            self._fault(outlet, request, query, entry.user)
        elif path == PATH or path.startswith(PATH + "/"):
            self._later(outlet, request.method, path[len(PATH) + 1 :], entry.user)
        else:
            return False
        return True

    # --- requests that were put off

    def _later(self, outlet: Outlet, method: str, rest: str, user: str) -> None:
        item_id, _, what = rest.partition("/")
        reads = method in ("GET", "HEAD")
        if not rest and reads:
            self._list(outlet, user)
        elif rest == "run" and method == "POST":
            self._run_all(outlet, user)
        elif not item_id or what not in ("", "run", "state"):
            _say(outlet, 404, f"there is no such path below {PATH}")
        else:
            item = self._gateway.later.find(item_id, user)
            if item is None:
                _say(outlet, 404, _GONE)
            elif reads and what != "run":
                self._one(outlet, item, what)
            elif method == "POST" and what == "run":
                self._run(outlet, item)
            elif method == "DELETE" and not what:
                self._gateway.runner.cancel(item)
                outlet.answer(200, JSON, msgspec.json.encode({"id": item.id, "state": "cancelled"}))
            else:
                _say(outlet, 405, f"{method[:20]} is not for this path")

    def _list(self, outlet: Outlet, user: str) -> None:
        """Without users anyone on this machine may come in, and an id opens an answer: none is told then.

        Who asked has the id; who owns the gateway can read its folder.
        """
        later = self._gateway.later
        mine = [_public(item) for item in later.items if item.user == user] if user else None
        told = {"on": later.is_on, "trouble": later.trouble or None, "items": mine}
        outlet.answer(200, JSON, msgspec.json.encode(told))

    def _one(self, outlet: Outlet, item: Item, what: str) -> None:
        state = msgspec.json.encode(_public(item))
        id_line = (HEADER, item.id.encode("ascii"))
        if what == "state":
            outlet.answer(200, (*JSON, id_line), state)
            return
        answer = self._gateway.later.answer_of(item) if item.state.is_over else None
        if answer is not None:
            outlet.answer(answer.status, (*answer.headers, id_line), answer.body)
        elif item.state.is_over:
            _say(outlet, 410, f"there is no answer: {item.last or 'its file cannot be read any more'}")
        else:
            outlet.answer(202, (*JSON, id_line), state)

    def _run(self, outlet: Outlet, item: Item) -> None:
        if item.state.is_over:
            _say(outlet, 409, f"{item.id} is {item.state.value} already")
            return
        self._gateway.runner.hurry(item)
        outlet.answer(202, JSON, msgspec.json.encode(_public(item)))

    def _run_all(self, outlet: Outlet, user: str) -> None:
        later = self._gateway.later
        if not later.is_on:
            _say(outlet, 409, _OFF)
            return
        waiting = [item for item in later.items if item.user == user and item.state in _WAITING]
        for item in waiting:
            self._gateway.runner.hurry(item)
        outlet.answer(202, JSON, msgspec.json.encode({"asked": len(waiting)}))

    # --- drills

    def _fault(self, outlet: Outlet, request: Incoming, query: str, user: str) -> None:
        faults = self._gateway.faults
        if request.method in ("GET", "HEAD"):
            outlet.answer(200, JSON, msgspec.json.encode({"drills": faults.shown()}))
        elif request.method not in ("POST", "DELETE"):
            _say(outlet, 405, f"{FAULT_PATH} takes GET, POST and DELETE")
        elif user and user not in self._gateway.settings.drill_users:
            _say(outlet, 403, "a drill fails everybody's requests; gateway.drill_users says who may begin and end one")
        elif request.method == "POST":
            try:
                begun = faults.begin(request.body, user)
            except Unfit as exc:
                _say(outlet, 400, str(exc))
                return
            outlet.answer(200, JSON, msgspec.json.encode(begun))
        else:
            wanted = next((value for name, value in parse_qsl(query) if name == "upstream"), "")
            outlet.answer(200, JSON, msgspec.json.encode({"ended": faults.end(wanted)}))


def _public(item: Item) -> dict[str, object]:
    """What others are shown of it: all but what tells whether two requests are the same."""
    told: dict[str, object] = msgspec.to_builtins(item)
    return {name: value for name, value in told.items() if name != "digest"}


def _say(outlet: Outlet, status: int, message: str) -> None:
    outlet.answer(status, JSON, msgspec.json.encode({"error": {"message": message}}))
