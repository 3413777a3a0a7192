"""A model's Markdown as HTML that can do no harm: no HTML of its own, no images, links to the open web only."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from stillup.web.chat_words import tidy

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token
    from markdown_it.utils import OptionsDict

MAX_CHARACTERS = 100_000
"""Of one text; a longer one is shown as it is. An answer of 16,000 tokens has some 60,000."""
_WEB = re.compile(r"(?:https?://|mailto:)[^\s]", re.IGNORECASE)
_REL = "nofollow noopener noreferrer"
_FIRST_HEADING = 3
"""A message's own title is an h2."""


def render_markdown(text: str) -> str:
    """The HTML of a text; every tag in it is ours. Takes some 3 s for the longest and worst of texts."""
    if len(text) > MAX_CHARACTERS:
        return as_it_is(text)
    return str(_parser().render(tidy(text)))


def as_it_is(text: str) -> str:
    """The HTML of a text without a look at its Markdown."""
    return f'<pre tabindex="0">{escape(tidy(text))}</pre>'


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
    parser.validateLink = lambda url: _WEB.match(url) is not None  # type: ignore[method-assign]
    parser.core.ruler.push("plain_page", _mend)
    for name, rule in (("link_open", _link), ("image", _image), ("fence", _code), ("code_block", _code)):
        parser.add_render_rule(name, rule)
    return parser


def _mend(state: Any) -> None:  # noqa: ANN401  markdown-it's state of a rule
    """Headings begin below the message's own and skip no level; a table's columns are aligned by classes."""
    last = _FIRST_HEADING - 1
    for token in state.tokens:
        if token.type == "heading_open":
            last = min(int(token.tag[1]) + _FIRST_HEADING - 1, last + 1, 6)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{last}"
        style = token.attrGet("style") if token.type in ("th_open", "td_open") else None
        if isinstance(style, str):
            del token.attrs["style"]
            token.attrSet("class", style.removeprefix("text-align:"))


def _link(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    tokens[at].attrSet("rel", _REL)
    tokens[at].attrSet("target", "_blank")
    return renderer.renderToken(tokens, at, options, env)


def _image(
    renderer: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: MutableMapping[str, Any]
) -> str:
    """An image of a stranger's server would tell it who reads: a link in its place."""
    from markdown_it.common.utils import escapeHtml

    token = tokens[at]
    alt = renderer.renderInlineAsText(token.children or [], options, env) or "image"
    address = escapeHtml(str(token.attrGet("src") or ""))
    return f'<a href="{address}" rel="{_REL}" target="_blank">{escapeHtml(alt)} (image)</a>'


def _code(
    renderer: RendererHTML,  # noqa: ARG001
    tokens: Sequence[Token],
    at: int,
    options: OptionsDict,  # noqa: ARG001
    env: MutableMapping[str, Any],  # noqa: ARG001
) -> str:
    """Code; what is wide is scrolled, by keyboard too."""
    from markdown_it.common.utils import escapeHtml

    token = tokens[at]
    language = escapeHtml(token.info.split(maxsplit=1)[0][:30]) if token.info.strip() else ""
    label = f' aria-label="code, {language}"' if language else ' aria-label="code"'
    return f'<pre tabindex="0" role="region"{label}><code>{escapeHtml(token.content)}</code></pre>\n'
