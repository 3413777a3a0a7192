"""The drawings of the page: pure functions from what is known to markup. Server-side SVG and tables, no script.

Each gives an empty markup where there is nothing to draw. Colours are ``draw.css``'s alone; no drawing has a style of
its own, so that a strict content policy holds. Every drawing says what it shows in words too.
"""

from __future__ import annotations

from stillup.web.draw.bars import duration_histogram, lead_times, problem_mix
from stillup.web.draw.calendar import calendar_strip
from stillup.web.draw.matrix import component_matrix
from stillup.web.draw.recovery import recovery_curve
from stillup.web.draw.reports import report_chart, spark, story_chart
from stillup.web.draw.tiles import tile_map

__all__ = [
    "calendar_strip",
    "component_matrix",
    "duration_histogram",
    "lead_times",
    "problem_mix",
    "recovery_curve",
    "report_chart",
    "spark",
    "story_chart",
    "tile_map",
]
