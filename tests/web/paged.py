"""Help for tests of pages: what a browser without scripts gets, and what a person reads in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import html
from msgspec import structs

from stillup.model.service import Confidence, Scope, State
from stillup.model.verdict import Verdict
from tests.web import boards

if TYPE_CHECKING:
    from litestar.testing import TestClient

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class OpenDesk:
    """Takes reports; only its tokens are asked for here."""

    def token(self, now) -> str:
        return "made-up-token"


def page(client: TestClient, path: str) -> html.HtmlElement:
    return html.fromstring(client.get(path, headers=BROWSER).text)


def words(element: html.HtmlElement) -> str:
    return " ".join(element.text_content().split())


def main(client: TestClient, path: str) -> str:
    return words(page(client, path).get_element_by_id("main"))


def faulty(service: str, state: State = State.MAJOR_OUTAGE, confidence: Confidence = Confidence.CONFIRMED, **rest):
    told = Verdict(
        at=boards.NOW, service=service, state=state, confidence=confidence, since=boards.ONSET, scope=Scope.EVERYONE,
        reason=boards.Reason.FAMILIES_AGREE, **rest,
    )  # fmt: skip
    return structs.replace(boards.calm(service), verdict=told)
