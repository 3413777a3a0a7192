"""Places in places: ISO 3166-2 parts in ISO 3166-1 countries in continents."""

from __future__ import annotations

from collections.abc import Collection, Iterable

_CONTINENTS = {
    "africa": "AO BF BI BJ BW CD CF CG CI CM CV DJ DZ EG EH ER ET GA GH GM GN GQ GW IO KE KM LR LS LY MA MG ML MR MU MW"
    " MZ NA NE NG RE RW SC SD SH SL SN SO SS ST SZ TD TF TG TN TZ UG YT ZA ZM ZW",
    "antarctica": "AQ BV GS HM",
    "asia": "AE AF AM AZ BD BH BN BT CC CN CX GE HK ID IL IN IQ IR JO JP KG KH KP KR KW KZ LA LB LK MM MN MO MV MY NP"
    " OM PH PK PS QA SA SG SY TH TJ TL TM TR TW UZ VN YE",
    "europe": "AD AL AT AX BA BE BG BY CH CY CZ DE DK EE ES FI FO FR GB GG GI GR HR HU IE IM IS IT JE LI LT LU LV MC MD"
    " ME MK MT NL NO PL PT RO RS RU SE SI SJ SK SM UA VA XK",
    "north america": "AG AI AW BB BL BM BQ BS BZ CA CR CU CW DM DO GD GL GP GT HN HT JM KN KY LC MF MQ MS MX NI PA PM"
    " PR SV SX TC TT US VC VG VI",
    "oceania": "AS AU CK FJ FM GU KI MH MP NC NF NR NU NZ PF PG PN PW SB TK TO TV UM VU WF WS",
    "south america": "AR BO BR CL CO EC FK GF GY PE PY SR UY VE",
}
_CONTINENT_OF = {country: name for name, countries in _CONTINENTS.items() for country in countries.split()}


def country(region: str) -> str:
    """The country of a place: ``US`` of ``US-IL`` and of ``US``."""
    return region.partition("-")[0]


def continent(region: str) -> str | None:
    """The continent of a place, or None when the code is not a country's."""
    return _CONTINENT_OF.get(country(region))


def roll_up(regions: Collection[str], active: Collection[str]) -> tuple[str, ...]:
    """Regions at the finest level that explains the excess, sorted.

    A country stands for its parts when it has several active ones and all are in. Reports that name the country alone
    are spread over it: its parts that are in say where, unless that holds of all of them.
    """
    out = set(regions)
    for whole in {country(r) for r in regions if "-" in r}:
        parts = {r for r in active if r.startswith(whole + "-")}
        if len(parts) > 1 and parts <= out:
            out = {r for r in out if country(r) != whole} | {whole}
        else:
            out.discard(whole)
    return tuple(sorted(out))


def agreed(told: Iterable[Collection[str]]) -> tuple[str, ...]:
    """What several families say together: where one names a country and another its parts, the parts stand."""
    named = {region for regions in told for region in regions}
    divided = {country(r) for r in named if "-" in r}
    return tuple(sorted(named - divided))


def grown(before: Collection[str], now: Collection[str]) -> tuple[str, ...]:
    """All regions named so far; a country named at any time stands for its parts named at any time."""
    named = {*before, *now}
    return tuple(sorted(r for r in named if "-" not in r or country(r) not in named))


def groups(regions: Iterable[str | None]) -> list[tuple[str, ...]]:
    """The countries and continents with at least two of these regions, each as those regions."""
    known = sorted({r for r in regions if r is not None})
    by_name: dict[str, list[str]] = {}
    for region in known:
        for name in (country(region), continent(region)):
            if name is not None:
                by_name.setdefault(name, []).append(region)
    return sorted({tuple(inside) for inside in by_name.values() if len(inside) > 1})
