"""The chat, used by hand."""

from __future__ import annotations

from playwright.sync_api import expect

TOKEN = "a-token-of-the-page-itself"


def ask(page, text="hello"):
    """Ask, and wait for the answer."""
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("button", name="Send")).to_be_visible()
    expect(page.locator(".turn.assistant").last.get_by_role("button", name="Try again")).to_be_visible()
