"""Where a reporter may be: countries (ISO 3166-1) and the states of the USA (3166-2), and the time zones that say so.

Countries, their English names and their zones come from the time zone database (the ``tzdata`` package).
"""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from importlib.resources import files

_STATES = (
    "AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|DE Delaware|"
    "DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|IN Indiana|IA Iowa|KS Kansas|"
    "KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|MI Michigan|MN Minnesota|MS Mississippi|"
    "MO Missouri|MT Montana|NE Nebraska|NV Nevada|NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York|"
    "NC North Carolina|ND North Dakota|OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode Island|"
    "SC South Carolina|SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington|"
    "WV West Virginia|WI Wisconsin|WY Wyoming"
)
US_STATES = {f"US-{row[:2]}": row[3:] for row in _STATES.split("|")}

# Zones that lie in one state, or nearly; the wide ones (New York, Chicago, Denver, Los Angeles) say the country alone.
_ZONE_STATES = {
    "America/Adak": "US-AK",
    "America/Anchorage": "US-AK",
    "America/Boise": "US-ID",
    "America/Detroit": "US-MI",
    "America/Indiana": "US-IN",
    "America/Juneau": "US-AK",
    "America/Kentucky": "US-KY",
    "America/Menominee": "US-MI",
    "America/Metlakatla": "US-AK",
    "America/Nome": "US-AK",
    "America/North_Dakota": "US-ND",
    "America/Phoenix": "US-AZ",
    "America/Sitka": "US-AK",
    "America/Yakutat": "US-AK",
    "Pacific/Honolulu": "US-HI",
}
Place = tuple[str, str, str]
"""Code, name, and the zones that say so, with spaces between."""


@cache
def countries() -> dict[str, str]:
    """English name of every country by its code, by name."""
    named = [line.split("\t") for line in _lines("iso3166.tab")]
    return dict(sorted(named, key=lambda row: row[1]))


def region_name(code: str) -> str:
    """The name of a country or state, of another country's part with its code; the code itself where it is none."""
    part_of = countries().get(code.partition("-")[0])
    return US_STATES.get(code) or countries().get(code) or (f"{part_of} ({code})" if part_of else code)


@cache
def zones() -> dict[str, str]:
    """Region code by time zone, older names of zones among them."""
    found = {}
    for line in _lines("zone.tab"):
        country, _, zone = line.split("\t")[:3]
        found[zone] = _state(zone) or country
    for line in _lines("tzdata.zi"):
        if line.startswith("L "):
            _, target, older = line.split()
            if target in found and "/" in older:
                found.setdefault(older, found[target])
    return found


def _state(zone: str) -> str | None:
    return _ZONE_STATES.get(zone) or _ZONE_STATES.get(zone.rpartition("/")[0])


@cache
def choices() -> tuple[tuple[str, tuple[Place, ...]], ...]:
    """What the form offers, group by group."""
    of = defaultdict(list)
    for zone, code in zones().items():
        of[code].append(zone)

    def place(code: str, name: str) -> Place:
        return code, name, " ".join(of[code])

    states = [place("US", "United States (no state said)"), *(place(c, n) for c, n in US_STATES.items())]
    rest = [place(c, n) for c, n in countries().items() if c != "US"]
    return (("Countries", tuple(rest)), ("United States", tuple(states)))


def _lines(name: str) -> list[str]:
    text = (files("tzdata") / "zoneinfo" / name).read_text("utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
