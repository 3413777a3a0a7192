"""The first answer for programs: the verdict's documented object, with what it rests on beside it."""

from __future__ import annotations

from msgspec import structs

from stillup.catalog.offers import alternatives
from stillup.cli.answer.rows import grounds, rows, telling
from stillup.cli.answer.steps import steps_of
from stillup.cli.answer.workarounds import workarounds_json
from stillup.cli.answer.yours import headline_of, sentence
from stillup.cli.common import pretty
from stillup.daemon.advice import likely_class, other_parts, shaken
from stillup.daemon.ask import FirstAnswer
from stillup.daemon.yours import yours
from stillup.model.service import Capability
from stillup.response.playbook import Done
from stillup.verdict.telling.explain import rule
from stillup.verdict.telling.narrate import as_json


def answer_json(answer: FirstAnswer, task: Capability | None) -> str:
    """One JSON object on several lines."""
    return pretty(answer_object(answer, task))


def answer_object(answer: FirstAnswer, task: Capability | None) -> dict[str, object]:
    """The object of one service, as values that can be encoded."""
    facts = likely_class(answer.verdict)
    steps = steps_of(answer, task)
    others = other_parts(answer.service, answer.verdict, answer.components, answer.reports)
    return {
        **answer.verdict.wire(),
        "headline": headline_of(answer),
        "rule": rule(answer.verdict, grounds(answer)),
        "explained": as_json(telling(answer)),
        "component_verdicts": [v.wire() for _, v in sorted(answer.components.items())],
        "works": others.up,
        "works_by_page_only": others.page_only,
        "yours": [
            {**structs.asdict(line), "says": sentence(line, answer.verdict, answer.at)}
            for line in yours(answer.reports, answer.at)
        ],
        "stands_on": shaken(answer.service, answer.verdict, answer.elsewhere, answer.by_page),
        "evidence": answer.evidence,
        "sources": rows(answer),
        "impact": facts and facts.impact,
        "usual_duration_s": facts and [facts.usual_min_s, facts.usual_max_s],
        "todo": [step.says for step in steps if step.done is not Done.DONE],
        "steps": steps,
        "alternatives": alternatives(answer.service, task, answer.elsewhere, answer.by_page),
        "workarounds": workarounds_json(answer),
    }
