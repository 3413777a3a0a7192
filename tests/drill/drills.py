"""Drills made by hand, for what is shown of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from stillup.drill.values import Alert, Asked, Drill, Happened, Kind, Lane, Scene, Shape, Step, Where

AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)
EVIL = "</title><script>alert(1)</script> | `x` **b** \"q' \x1b[31m\u202e"


def asked(at_s: float, done_s: float | None = None, **rest) -> Asked:
    told = {
        "at_s": at_s, "first_s": at_s + 0.2, "done_s": at_s + 1.0 if done_s is None else done_s, "shape": Shape.STREAM,
        "protocol": "anthropic", "ok": True, "upstream": "a", "wanted_chars": 400, "got_chars": 400,
    }  # fmt: skip
    return Asked(**{**told, **rest})


def lost(at_s: float, **rest) -> Asked:
    told = {"ok": False, "first_s": None, "says": "529 overloaded", "got_chars": 0, "done_s": at_s + 0.3}
    return asked(at_s, **{**told, **rest})


def backed(*more: Asked) -> Lane:
    through = (asked(0.0), asked(2.2, upstream="b"), asked(2.6, 5.0, continued=True, upstream="b"))
    return Lane(name="with your backups", backed=True, asked=(*through, asked(4.0, upstream="c"), asked(7.0), *more))


def alone(*more: Asked) -> Lane:
    through = (asked(0.0), lost(2.2), lost(2.6, got_chars=150), lost(3.0, put_off=True))
    return Lane(name="without them", backed=False, asked=(*through, asked(4.0, upstream="c"), asked(7.0), *more))


def scene(**rest) -> Scene:
    told = {
        "kind": Kind.MODE, "name": "529", "title": "a answers 529", "hit": ("a",), "begins_s": 2.0, "ends_s": 6.0,
        "lanes": (backed(), alone()), "injected": "By the gateway's own switch, in both lanes.",
    }  # fmt: skip
    return Scene(**{**told, **rest})


def full_scene(**rest) -> Scene:
    return scene(
        kind=Kind.PROVIDER, name="claude", title="Claude is down",
        alerts=(
            Alert(says="Claude is down", channel="ops", at_s=2.4),
            Alert(says="Claude is down", channel="sms", at_s=None),
        ),
        steps=(
            Step(says="Save your work", by_hand=False, done=True, note="saved by the gateway"),
            Step(says="Tell the team", by_hand=True, done=None),
            Step(says="Put up the notice", by_hand=True, done=False),
        ),
        happened=(Happened(2.0, "the failure begins"), Happened(2.4, "the first answer by b")),
        **rest,
    )  # fmt: skip


def drill(*scenes: Scene, days_ago: float = 0, **rest) -> Drill:
    at = AT - timedelta(days=days_ago)
    told = {
        "id": f"{at:%Y%m%dT%H%M%S}-0a1b", "at": at, "where": Where.MIRROR, "scenes": scenes or (scene(),),
        "took_s": 8.4, "version": "0.1",
    }  # fmt: skip
    return Drill(**{**told, **rest})
