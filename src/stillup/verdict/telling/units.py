"""Numbers as a person says them: rates, counts in a window, spans of time, e-values, chances."""

from __future__ import annotations

from math import log

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0
_HUGE_TENS = 30  # beyond it the figure says something about the model, not about the world

_ONE = {"reports": "report", "posts": "post", "searches": "search"}

# The calibrated words of the IPCC's guidance note (Mastrandrea and others, 2010), in plainer English.
_CHANCES = (
    (0.99, "almost certain"),
    (0.90, "very likely"),
    (0.66, "likely"),
    (0.33, "about as likely as not"),
    (0.10, "unlikely"),
    (0.01, "very unlikely"),
    (0.0, "almost impossible"),
)


E_MEANS = "e is the weight of a sign: at e = 10^6 what was seen fits a fault a million times better than what is usual."
"""What a person should know of e-values, in a sentence."""


def number(value: float) -> str:
    """Two significant figures, whole from ten up; never in powers of ten."""
    if value >= 10 or value <= 0:
        return f"{max(0.0, value):.0f}"
    if value < 0.001:
        return "next to none"
    return f"{value:.2g}" if value >= 0.01 else f"{value:.3f}".rstrip("0")


def rates(observed_per_min: float, usual_per_min: float) -> str:
    """Two rates in the unit that suits the first: ``0.9/min where 0.02 is usual``."""
    for seconds, unit in ((_MINUTE_S, "min"), (_HOUR_S, "h"), (_DAY_S, "day")):
        scale = seconds / _MINUTE_S
        if observed_per_min * scale >= 0.1 or unit == "day":
            break
    return f"{number(observed_per_min * scale)}/{unit} where {number(usual_per_min * scale)} is usual"


def counts(observed: float, usual: float, what: str, window_s: float) -> str:
    """A count in its window: ``12 posts in 10 min where 0.4 is usual``."""
    told = number(observed)
    return f"{told} {_ONE.get(what, what) if told == '1' else what} in {span(window_s)} where {number(usual)} is usual"


def span(seconds: float) -> str:
    """A length of time in one unit or two: ``40 s``, ``5 min``, ``1 h 30 min``, ``3 days``."""
    seconds = max(0.0, seconds)
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds < _MINUTE_S else "1 min"
    minutes = round(seconds / _MINUTE_S)
    if minutes < 120:
        return f"{minutes} min" if minutes < 60 else f"1 h {minutes - 60} min" if minutes > 60 else "1 h"
    hours = round(seconds / _HOUR_S, 1)
    return f"{hours:g} h" if hours < 48 else f"{seconds / _DAY_S:.0f} days"


def age(seconds: float) -> str:
    """How old a word is: ``4 min old``, ``just now``."""
    return "just now" if seconds < 5 else f"{span(seconds)} old"


def power(log_e: float) -> str:
    """An e-value by its natural logarithm: ``e = 10^6``."""
    tens = log_e / log(10)
    return f"e = 10^{tens:.0f}" if tens < _HUGE_TENS else f"e > 10^{_HUGE_TENS}"


def chance(p: float) -> str:
    """A probability in words with its number: ``very likely (97 %)``."""
    words = next(words for least, words in _CHANCES if p >= least)
    return f"{words} ({percent(p)})"


def percent(p: float) -> str:
    """Whole percents, and never 0 or 100: nobody knows that."""
    return f"{min(99, max(1, round(p * 100)))} %"
