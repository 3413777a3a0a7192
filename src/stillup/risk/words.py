"""Figures of risk as a person says them, the same on a terminal and on the page. Pure."""

from __future__ import annotations

from stillup.risk.gain import Cost, Gain, Loss
from stillup.risk.need import Used
from stillup.risk.points import LEAST, LIKELY, Point, What
from stillup.risk.survey import Risk, Surveyed
from stillup.risk.values import LOCAL, Basis, Hours

BASIS = {Basis.OWN: "seen from here", Basis.SHIPPED: "public history", Basis.ASSUMED: "a guess"}
_MINUTES = 60.0


def hours(value: float) -> str:
    """``25 h``, ``2.5 h``, ``12 min``, ``40 s``, ``under 1 s``."""
    if value >= 10:
        return f"{value:,.0f} h"
    if value >= 1:
        return f"{value:.1f} h"
    minutes = value * _MINUTES
    if minutes >= 1:
        return f"{minutes:.0f} min"
    return f"{minutes * _MINUTES:.0f} s" if minutes * _MINUTES >= 1 else "under 1 s"


def times(value: float) -> str:
    """How many times as much: ``2.5``, ``45``, ``1,200``."""
    return f"{value:.1f}" if value < 10 else f"{float(f'{value:.2g}'):,.0f}"


def interval(of: Hours) -> str:
    """``35 min to 780 h``."""
    return f"{hours(of.low)} to {hours(of.high)}"


def with_interval(of: Hours) -> str:
    """``25 h (35 min to 780 h)``."""
    return f"{hours(of.mid)} ({interval(of)})"


def headline(one: Surveyed) -> str:
    """What a need comes to, in a line."""
    if one.hours is None:
        return "nothing answers: no way counts now"
    return f"nobody answers for {with_interval(one.hours)} a year, {BASIS[one.basis]}"


def chance_says(one: Surveyed) -> str:
    """Beside what chance alone would have it; empty where it is one way, or no different."""
    together = one.together
    if together is None or together.independent <= 0 or together.hours.mid < 1.2 * together.independent:
        return ""
    ratio = together.hours.mid / together.independent
    alone = hours(together.independent)
    return f"If they failed independently it would be {alone}: they are down together {times(ratio)} times as long."


def mark(point: Point) -> str:
    """``✗`` for what is so by the way things are put together, ``!`` likely, ``?`` possible."""
    if point.what is not What.CLOUD:
        return "✗"
    return "!" if point.sure >= LIKELY else "?"


def saved(gain: Gain) -> str:
    """Hours a year that it takes off, and what is left."""
    guess = ", a guess" if gain.basis is Basis.ASSUMED else ""
    return f"{with_interval(gain.saved)}, leaves {hours(gain.left.mid)}{guess}"


def summary(risk: Risk) -> str:
    """What hangs on a single service, in a sentence; empty where nothing is needed."""
    if not risk.surveyed:
        return "Nothing is depended on here: no service is watched that can do a task, and there is no gateway."
    bare = [one.need.title for one in risk.surveyed if len(one.need.services) < 2]
    if not bare:
        return "Everything here has a second way."
    hang = "hangs" if len(bare) == 1 else "hang"
    return f"{len(bare)} of {len(risk.surveyed)} {hang} on a single service: {', '.join(bare)}."


def in_common(gain: Gain) -> str:
    """What it stands on with all that are there, with how sure that is: ``Cloudflare (0.13)``, ``nothing known``."""
    those = [s for s in gain.shares if s.all_of_them and s.sure >= LEAST]
    return ", ".join(f"{s.name} ({s.sure:.2g})" for s in those) or "nothing known"


def price(gain: Gain) -> str:
    """What it costs, as far as that is known; empty where it is not."""
    if gain.cost is not None:
        return cost(gain.cost)
    if gain.candidate.free is None:
        return ""
    if not gain.candidate.free:
        return "paid"
    return "free" if gain.candidate.subject.service == LOCAL else "free, at least in part"


def usd(value: float) -> str:
    """``under $0.01``, ``$0.40``, ``$12``, ``$1,200``."""
    if value < 0.01:
        return "under $0.01"
    return f"${value:,.0f}" if value >= 10 else f"${value:,.2f}"


def cost(found: Cost) -> str:
    """What it costs, from the use that the journal saw."""
    now = f" (now {usd(found.usd_a_year_now)})" if found.usd_a_year_now is not None else ""
    return f"standing in {usd(found.usd_standing_in)} a year, all of today's use {usd(found.usd_a_year)}{now}"


def used(found: Used | None) -> str:
    """How much, and who answered; empty where it is not known."""
    if found is None:
        return ""
    whole = sum(found.by.values())
    shares = ", ".join(f"{name} {count / whole:.0%}" for name, count in sorted(found.by.items(), key=lambda i: -i[1]))
    return f"{found.asked:,} asked in {_span(found.hours)}; answered by {shares or 'nobody'}"


def lost(loss: Loss) -> str:
    """What stopping it would cost."""
    share = f"; it gave {loss.answers:.0%} of the answers" if loss.answers is not None else ""
    return (f"{with_interval(loss.more)} more a year" if loss.more is not None else "all of it") + share


def _span(value: float) -> str:
    return f"{value / 24:.0f} days" if value >= 48 else f"{value:.0f} h" if value >= 1 else "less than an hour"


def little(one: Surveyed) -> str:
    """Where a chain is so good that what has no figures weighs more; else empty."""
    if one.hours is None or one.hours.mid >= 1 or len(one.need.services) < 2:
        return ""
    return "One more buys little now: your own network, machine, keys and limits, which have no figures, weigh more."
