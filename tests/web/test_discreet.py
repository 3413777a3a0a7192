"""What a page tells strangers of whoever watches: nothing."""

import msgspec
import pytest
from msgspec import structs

from stillup.config.schema import Web
from stillup.errors import StoreError
from stillup.model.reason import Reason
from stillup.model.service import Scope, State
from stillup.secret import Secret
from stillup.web.discreet import DiscreetArchive, discreet, discreet_verdict
from tests.web import boards


def own(state=State.OPERATIONAL, scope=Scope.YOUR_QUOTA):
    """A board whose watcher's own limit is used up."""
    whole = boards.board()
    shown = whole.services["chatgpt"]
    reason = Reason.YOUR_QUOTA if scope is Scope.YOUR_QUOTA else Reason.ONLY_YOU
    verdict = structs.replace(shown.verdict, state=state, scope=scope, reason=reason, confidence=None)
    shown = structs.replace(
        shown, verdict=verdict, headline="ChatGPT: your limit", because="a limit of yours", who="only you: your limit",
        rule="our probe: calm → operational: a limit of yours", steps=whole.services["claude"].steps,
    )  # fmt: skip
    return structs.replace(whole, services=whole.services | {"chatgpt": shown})


@pytest.mark.parametrize("scope", [Scope.YOU, Scope.YOUR_QUOTA])
@pytest.mark.parametrize("state", [State.OPERATIONAL, State.MAINTENANCE, State.UNKNOWN])
def test_trouble_of_ones_own_is_told_as_the_state_it_leaves(state, scope):
    told = discreet(own(state, scope)).services["chatgpt"]
    assert (told.state, told.verdict.scope, told.steps) == (state, None, ())
    words = msgspec.json.encode([told.verdict, told.headline, told.because, told.who, told.rule]).decode()
    assert "you" not in words
    assert "limit" not in words


def test_all_else_is_as_it_was():
    board = boards.board()
    assert discreet(board) == board
    assert all(discreet(board).services[name] is shown for name, shown in board.services.items())


def test_no_page_says_whose_limit_is_used_up(opened, site_of):
    client = opened(shown=discreet(own()))
    for path in ("/", "/chatgpt", "/api/v1/services", "/api/v1/services/chatgpt/verdict", "/chatgpt/feed.json"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "your limit" not in answer.text
        assert "your_quota" not in answer.text


def test_changes_that_were_kept_are_told_likewise():
    class Kept(boards.MadeUpArchive):
        def changes(self, service=None, *, before=None, limit=50):
            return [own().services["chatgpt"].verdict]

    told = DiscreetArchive(Kept()).changes()
    assert [(v.scope, v.reason) for v in told] == [(None, Reason.ALL_CALM)]
    assert told == [discreet_verdict(v) for v in told]


def test_a_page_for_anybody_leads_to_nothing_that_is_private_and_a_private_one_to_all_of_it(opened):
    token = "a-token-of-the-page-itself"
    parts = {"gateway": "http://127.0.0.1:9", "risk": no_risk, "token": Secret(token)}
    for is_public in (True, False):
        client = opened(settings=Web(public=is_public, listen="0.0.0.0:8780"), **parts)
        headers = {"authorization": f"Bearer {token}"}
        for path, shows in (("/", not is_public), ("/risk", True)):
            text = client.get(path, headers=headers).text
            assert ('href="/chat"' in text, 'href="/risk"' in text) == (shows, shows)


def no_risk(task):
    msg = "nothing is known"
    raise StoreError(msg)
