"""What a provider refuses of a request that it understands: a beginning of its answer, parameters. Pure.

``rejects_prefix`` and ``refuses`` say what one model does not take. ``keeps_rules`` are the rules of whole APIs:
Anthropic's takes no beginning that ends in white space, and none while the model thinks; Mistral's and DeepSeek's want
``prefix`` on it; vLLM's goes on in it when ``continue_final_message`` is said, and then not ``add_generation_prompt``.
Any other one says its answer from the start: it takes the assistant's message for one that is over.
"""

from __future__ import annotations

from msgspec import Struct

from stillup.sim.provider import asked
from stillup.sim.provider.behaviour import Behaviour, Reason
from stillup.sim.provider.call import Call, Dialect, What

_FLAGGED = {
    "mistral": "Expected last role User or Tool (or Assistant with prefix True) for serving but got assistant",
}
_WHITE = "messages: final assistant content cannot end with trailing whitespace"
_UNTHOUGHT = (
    "messages.{at}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `text`. When `thinking` is "
    "enabled, a final `assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` "
    "and `tool_result` blocks)."
)
_BOTH = "Cannot set both `continue_final_message` and `add_generation_prompt` to True."


class Refusal(Struct, frozen=True, kw_only=True):
    """Why a request is refused. ``text`` replaces the vendor's usual words; ``parameter`` is what it does not take."""

    status: int = 400
    reason: Reason = Reason.PLAIN
    text: str = ""
    parameter: str = ""


def refusal_of(call: Call, behaviour: Behaviour, vendor: str) -> Refusal | None:
    """Whether a provider that works refuses the request all the same."""
    if call.what is not What.GENERATE:
        return None
    for name in behaviour.refuses:
        if asked.member(call.body, tuple(name.split("."))) is not None:
            return Refusal(reason=Reason.PARAMETER, parameter=name)
    begun = asked.begun_in(call.dialect, call.body)
    if begun is None or not begun.is_last:
        return None
    if behaviour.rejects_prefix:
        return Refusal(reason=Reason.PREFILL)
    text = _against_rules(call, begun, vendor) if behaviour.keeps_rules else ""
    return Refusal(text=text) if text else None


def _against_rules(call: Call, begun: asked.Begun, vendor: str) -> str:
    """What that API says of a beginning that it does not take; empty where it takes it."""
    if call.dialect is Dialect.ANTHROPIC:
        if call.thinks:
            return _UNTHOUGHT.replace("{at}", str(len(asked.rows_of(call.dialect, call.body)) - 1))
        return _WHITE if begun.text != begun.text.rstrip() else ""
    if call.dialect is not Dialect.CHAT:
        return ""
    if call.body.get("continue_final_message") is True and call.body.get("add_generation_prompt") is not False:
        return _BOTH
    return "" if begun.is_flagged else _FLAGGED.get(vendor, "")


def goes_on(call: Call, begun: asked.Begun, behaviour: Behaviour) -> bool:
    """Whether the model goes on in what was begun. Where rules are kept, it must be told to, in Chat Completions."""
    if not behaviour.keeps_rules or call.dialect is not Dialect.CHAT or not begun.is_last:
        return True
    return begun.is_flagged or call.body.get("continue_final_message") is True
