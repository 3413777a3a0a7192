"""Where each place's tile lies: codes on a grid, roughly where the places lie on the globe. Facts, laid out by hand.

ISO 3166-1 countries without the uninhabited ones, and the states of the USA with its capital's district.
"""

from __future__ import annotations

from functools import cache

_AMERICAS = """
.. CA .. .. .. .. .. .. GL .. ..
.. US .. .. .. .. .. PM .. .. ..
.. MX .. .. .. BM .. .. .. .. ..
.. GT BZ .. CU BS TC VG AI SX MF
.. SV HN KY JM HT DO PR VI KN BL
.. .. NI CR .. AW CW BQ MS AG GP
.. .. .. PA CO VE TT GD VC DM MQ
.. .. .. .. EC GY SR GF .. BB LC
.. .. .. .. PE BO BR .. .. .. ..
.. .. .. .. CL PY .. .. .. .. ..
.. .. .. .. AR UY .. .. .. .. ..
.. .. .. .. .. FK .. GS .. .. ..
"""

_EUROPE_AND_AFRICA = """
IS .. FO SJ NO SE FI .. .. ..
.. .. .. .. DK AX EE LV RU ..
IE IM GB NL DE PL LT BY .. ..
GG JE BE LU LI CZ SK UA MD ..
.. .. FR CH AT SI HU RO .. ..
.. AD MC IT SM HR BA RS BG ..
PT ES GI VA .. ME XK MK .. ..
.. .. .. MT .. AL GR CY .. ..
.. MA DZ TN LY EG .. .. .. ..
CV EH MR ML NE TD SD ER .. ..
.. SN GM BF NG CF SS ET DJ ..
GW GN CI GH TG BJ CM UG KE SO
.. SL LR ST GQ GA CG RW TZ ..
.. SH .. .. .. AO CD BI MW SC
.. .. .. .. .. NA ZM ZW MZ KM
.. .. .. .. .. ZA BW SZ MG YT
.. .. .. .. .. .. LS .. MU RE
"""

_ASIA_AND_OCEANIA = """
.. GE .. KZ KG .. MN .. .. KP .. .. ..
TR AM AZ TM UZ TJ .. CN .. KR JP .. ..
LB SY IQ IR AF PK NP BT .. .. TW .. ..
IL PS JO KW BH .. IN BD MM LA HK MO ..
.. .. SA QA AE .. .. .. TH VN .. PH ..
.. .. YE OM .. MV LK .. KH .. .. .. ..
.. .. .. .. .. IO .. MY SG BN .. MP ..
.. .. .. .. .. .. CC ID TL .. PW GU FM
.. .. .. .. .. .. CX .. PG SB NR MH KI
.. .. .. .. .. .. .. AU .. VU TV TK ..
.. .. .. .. .. .. .. .. NC FJ WF WS AS
.. .. .. .. .. .. .. NF .. TO NU CK PF
.. .. .. .. .. .. .. NZ .. .. .. .. PN
"""

_STATES = """
AK .. .. .. .. .. .. .. .. VT ME
.. WA MT ND MN WI MI .. NY NH MA
.. OR ID SD IA IL IN OH PA CT RI
.. NV UT WY NE MO KY WV MD NJ ..
.. CA AZ CO KS AR TN VA DC DE ..
.. .. .. NM OK LA MS AL NC .. ..
HI .. .. .. TX .. .. GA SC .. ..
.. .. .. .. .. .. .. FL .. .. ..
"""

WORLD = {"Americas": _AMERICAS, "Europe and Africa": _EUROPE_AND_AFRICA, "Asia and Oceania": _ASIA_AND_OCEANIA}
STATES = "United States"
_ALL = {**WORLD, STATES: _STATES}
EMPTY = ".."


@cache
def grid(name: str) -> tuple[tuple[str, ...], ...]:
    """The rows of one map, all of one length; :data:`EMPTY` where no place lies."""
    rows = tuple(tuple(line.split()) for line in _ALL[name].strip().splitlines())
    return tuple(row for row in rows if row)


@cache
def places(name: str) -> frozenset[str]:
    """The codes on one map."""
    return frozenset(code for row in grid(name) for code in row if code != EMPTY)
