"""The alert rules for Prometheus: each fires when it should, stays quiet when it should, and leads into the runbook."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
}
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool here")


class Case(NamedTuple):
    """What processes tell each quarter of a minute, and what an alert says of it then; None where it is quiet."""

    alert: str
    told: dict[str, str]
    at: str
    summary: str | None
    labels: dict[str, str] | None = None


def short(of, there, *, wanted=2):
    """Two processes that count the same role."""
    told = {f'stillup_replicas_expected{{role="{of}", instance="a"}}': f"{wanted}x40"}
    return told | {f'stillup_replicas{{role="{of}", instance="{n}"}}': f"{count}x40" for n, count in there.items()}


CASES = (
    Case("StillupGone", {}, "3m", "No stillup process answers"),
    Case("StillupGone", {'stillup_bus_up{instance="a"}': "1x3 stale"}, "5m", "No stillup process answers"),
    Case(
        "StillupGone", {'stillup_bus_up{instance="a"}': "0x40", 'stillup_bus_up{instance="b"}': "1 stale"}, "5m", None
    ),
    Case(
        "StillupGatewaysApart",
        {
            'stillup_replicas{role="gateway", instance="a"}': "3x40",
            'stillup_gateway_replicas_heard{instance="a"}': "2x40",
            'stillup_gateway_replicas_heard{instance="b"}': "1x40",
        },
        "2m",
        "b and other gateways do not hear of each other",
        {"instance": "b"},
    ),
    Case(
        "StillupGatewaysApart",
        {'stillup_gateway_shared_age_seconds{word="told", instance="b"}': "5+15x40"},
        "5m",
        "b and other gateways do not hear of each other",
        {"instance": "b", "word": "told"},
    ),
    Case(
        "StillupGatewaysApart",
        {
            'stillup_replicas{role="gateway", instance="a"}': "2x40",
            'stillup_gateway_replicas_heard{instance="a"}': "1x40",
            'stillup_gateway_shared_age_seconds{word="heard", instance="a"}': "9x40",
        },
        "5m",
        None,
    ),
    Case("StillupReplicasMissing", short("web", {"a": 1}), "2m", "1 web too few", {"role": "web"}),
    Case("StillupReplicasMissing", short("web", {"a": 1}), "30s", None),
    # One that sees fewer may be cut off; nobody is missing whom another sees.
    Case("StillupReplicasMissing", short("web", {"a": 1, "b": 2}), "5m", None),
    Case("StillupReplicasMissing", short("web", {"a": 3}), "5m", None),
    Case("StillupRoleGone", short("monitor", {"a": 0}), "1m", "There is no monitor", {"role": "monitor"}),
    Case("StillupRoleGone", short("monitor", {"a": 1}), "5m", None),
    Case("StillupRoleGone", short("hub", {"a": 0}, wanted=0), "5m", None),
    Case(
        "StillupBusAway",
        {'stillup_bus_up{instance="a"}': "1x3 0x40", 'stillup_bus_up{instance="b"}': "1x43"},
        "4m",
        "a does not reach the bus",
        {"instance": "a"},
    ),
    Case("StillupBusAway", {'stillup_bus_up{instance="a"}': "1 1 0 1 1 0 0 1 1 0 1 1 1 1 1"}, "3m", None),
    Case(
        "StillupClockOff",
        {'stillup_clock_skew_seconds{instance="a"}': "-3x40"},
        "3m",
        "The clock of a is 3 s off",
        {"instance": "a"},
    ),
    Case("StillupClockOff", {'stillup_clock_skew_seconds{instance="a"}': "1.5x40"}, "5m", None),
    Case("StillupNotJudging", {'stillup_judged_age_seconds{service="x"}': "0+15x60"}, "7m", "Services are not judged"),
    Case(
        "StillupNotJudging",
        {'stillup_judged_age_seconds{service="x"}': "700x20", 'stillup_judged_age_seconds{service="y"}': "30x20"},
        "2m",
        "Services are not judged",
    ),
    Case(
        "StillupNotJudging",
        {'stillup_judged_age_seconds{service="x"}': "90x20", 'stillup_judged_age_seconds{service="y"}': "30x20"},
        "5m",
        None,
    ),
    Case(
        "StillupDatabaseAway",
        {'stillup_unsaved_minutes{instance="a"}': "0+0.25x40", 'stillup_unsaved_minutes{instance="b"}': "0x40"},
        "6m",
        "What is judged waits for the database",
    ),
    Case("StillupDatabaseAway", {'stillup_unsaved_minutes{instance="a"}': "1x40"}, "6m", None),
    Case(
        "StillupSourcesSilent",
        {f'stillup_source_ok{{service="x", source="{n}"}}': f"{int(n == 0)}x80" for n in range(3)},
        "16m",
        "Most sources of x cannot be read",
        {"service": "x"},
    ),
    Case(
        "StillupSourcesSilent",
        {f'stillup_source_ok{{service="x", source="{n}"}}': f"{int(n > 0)}x80" for n in range(3)},
        "16m",
        None,
    ),
)


def test_every_alert_has_its_heading_in_the_runbook():
    headings = re.findall("^## (.*)$", (ROOT / "docs" / "runbook.md").read_text("utf-8"), re.MULTILINE)
    anchors = {re.sub(r"[^a-z -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for rule in RULES.values():
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert (ROOT / page).is_file()
        assert anchor in anchors, rule["alert"]


def test_every_metric_of_an_alert_is_told_by_some_process():
    source = "".join(path.read_text("utf-8") for path in (ROOT / "src" / "stillup").rglob("*.py"))
    for metric in {m for rule in RULES.values() for m in re.findall(r"stillup_\w+", rule["expr"])}:
        assert f'"{metric}"' in source, metric


def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not():
    for is_quiet in (False, True):
        assert {case.alert for case in CASES if (case.summary is None) == is_quiet} == RULES.keys()


@needs_promtool
def test_prometheus_finds_nothing_wrong_with_rules_and_configuration(tmp_path):
    (tmp_path / "token").write_text("x")
    config = (FOLDER / "prometheus.yaml").read_text("utf-8")
    config = config.replace("/etc/prometheus/alerts.yaml", str(FOLDER / "alerts.yaml"))
    (tmp_path / "config.yaml").write_text(config.replace("/run/secrets/prometheus_token", str(tmp_path / "token")))
    promtool("check", "rules", FOLDER / "alerts.yaml")
    promtool("check", "config", tmp_path / "config.yaml")


@needs_promtool
def test_alerts_fire_when_they_should_and_only_then(tmp_path):
    tests = []
    for case in CASES:
        rule, fires = RULES[case.alert], []
        if case.summary is not None:
            annotations = {"summary": case.summary, "runbook": rule["annotations"]["runbook"]}
            fires = [{"exp_labels": (case.labels or {}) | rule["labels"], "exp_annotations": annotations}]
        series = [{"series": name, "values": values} for name, values in case.told.items()]
        wanted = [{"eval_time": case.at, "alertname": case.alert, "exp_alerts": fires}]
        tests.append({"interval": "15s", "input_series": series, "alert_rule_test": wanted})
    path = tmp_path / "cases.yaml"
    said = {"rule_files": [str(FOLDER / "alerts.yaml")], "evaluation_interval": "15s", "tests": tests}
    path.write_text(yaml.safe_dump(said))
    promtool("test", "rules", path)


def promtool(*words):
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
