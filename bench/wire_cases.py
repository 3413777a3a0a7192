"""The recorded answers that ``wire.py`` reads, and what each must be read as."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from stillup.catalog.load import find_service
from stillup.registry import SOURCES
from stillup.sources.base import Context, Setting


class Case(Struct, frozen=True):
    """One reading of one file at ``now``; ``expected`` are its facts, or the name of the error that refuses it."""

    file: str
    source: str
    now: str
    expected: tuple[str, ...]
    service: str = "claude"
    tag: str = ""
    edited: tuple[tuple[str, str], ...] = ()

    @property
    def context(self) -> Context:
        setting = Setting(interval_s=SOURCES[self.source].interval_s)
        return Context(now=datetime.fromisoformat(self.now), service=find_service(self.service), setting=setting)


DOWN = (
    "service api code partial_outage",
    "web cowork major_outage",
    "console gov operational",
    "9l93x2ht4s5w identified: web cowork major_outage",
    "9l93x2ht4s5w identified: api code partial_outage",
    "2 posts from 17:41:55",
    "alive",
)
# 22 of 25 components were degraded that day while the page's own indicator said "minor". Its other incident is about
# the support chat, which is beside the service.
OPENAI = (
    "service api sign_in web degraded",
    "ads-api operational",
    "01M3Q4RK1SM4EMK445GGPG7C0N investigating: web api degraded",
    "2 posts from 17:52:52",
    "alive",
)
# A feed has no word on any component in general, and says so.
CLAUDE_FEED = (
    "service web console api code cowork mobile gov unknown",
    "461yvfrzpwtt investigating: service degraded",
    "288w7p4hk1l1 resolved: service operational",
    "alive",
)
OPENAI_FEED = (
    "service web desktop sign_in api api_other codex voice images tools mobile unknown",
    "01M1KWEDH417T2CF44YYHZDFCR investigating: web codex degraded",
    "01M1K0 resolved: service operational",
    "alive",
)
GROK = "service web apps x api console build imagine unknown"
AWS_OPEN = "AWS_MULTIPLE_SERVICES_OPERATIONAL_ISSUE_5E6B8_EF2498889B5 None: "
AWS_PAGES = ("aws/currentevents.json", "aws/currentevents.utf16be-bom.json")
AWS_WELL = "service sign_in console cloudfront route53 s3 ec2 dynamodb lambda operational"
PROXY = "incidentio_openai/proxy_summary.trimmed.json"
NONE_BROKEN = '"affected_components":[]'
BROKEN = '"affected_components":[{{"component_id":"01JMXBRMFE6N2NNT7DG6XZQ6PW","status":"{}"}}]'.format
GOOGLE = "google_cloud/incidents.trimmed.json"
GCP_REST = "sign_in console network storage kubernetes databases bigquery pubsub operational"
EVENT = '"lastUpdateStatus":"{}","created_at":"2026-09-03T01:38:48.827Z"'.format
OPENAI_PAGE = "incidentio_openai/summary_v2_outage_2026-09-29.trimmed.json"
CLAUDE_PAGE = "statuspage_claude/summary_2026-04-28_down.json"
TRANSCRIPT = "claude_code/transcript_errors.jsonl"
LIMIT = "code api_gateway quota:five_hour until 2026-09-19T19:40:00Z at 17:12:44"
POST = "1 overloaded by 17:45"
MONITOR = '"monitor_type":"{}"'.format

CASES = (
    Case(CLAUDE_PAGE, "statuspage", "2026-04-28T17:52:00Z", DOWN),
    Case(
        CLAUDE_PAGE,
        "statuspage",
        "2026-04-28T17:52:00Z",
        DOWN,
        edited=(('"indicator": "major"', '"indicator": "none"'),),
    ),
    Case(
        "statuspage_claude/summary_up.json",
        "statuspage",
        "2026-04-28T19:16:00Z",
        ("service web console api code cowork gov operational", "alive"),
    ),
    Case(
        "statuspage_claude/history.atom.trimmed.xml",
        "statuspage",
        "2026-09-03T15:00:00Z",
        CLAUDE_FEED,
        tag="atom",
    ),
    Case(OPENAI_PAGE, "statuspage", "2026-09-29T18:30:00Z", OPENAI, "chatgpt"),
    Case(
        OPENAI_PAGE,
        "statuspage",
        "2026-09-29T18:30:00Z",
        OPENAI,
        "chatgpt",
        edited=(('"indicator":"minor"', '"indicator":"critical"'),),
    ),
    Case(
        OPENAI_PAGE,
        "statuspage",
        "2026-09-29T18:30:00Z",
        ("Malformed",),
        "chatgpt",
        edited=(('"status":"degraded_performance"', '"status":"full_outage"'),),
    ),
    Case(
        "incidentio_openai/summary_v2_quiet_2026-09-15.trimmed.json",
        "statuspage",
        "2026-09-15T12:00:00Z",
        ("service api_other sign_in codex operational", "alive"),
        "chatgpt",
    ),
    Case(
        "incidentio_openai/history.atom.trimmed.xml",
        "statuspage",
        "2026-09-03T15:17:00Z",
        OPENAI_FEED,
        "chatgpt",
        tag="atom",
    ),
    # incident.io's native format is no Statuspage: it lists only what is broken, and must not be read as all well.
    Case(
        "incidentio_openai/proxy_summary.trimmed.json", "statuspage", "2026-09-29T18:30:00Z", ("Malformed",), "chatgpt"
    ),
    # The account's only monitor is a website of its own, which mirrors nobody's page.
    Case("statusgator/v3_boards_monitors.json", "statusgator", "2024-01-15T12:01:00Z", ("NotConfigured",)),
    Case(
        "statusgator/v3_boards_monitors.json",
        "statusgator",
        "2024-01-15T12:01:00Z",
        ("service operational", "alive"),
        edited=((MONITOR("WebsiteMonitor"), MONITOR("ServiceMonitor")), ('"API Health"', '"Claude"')),
    ),
    Case(
        "statusgator/v3_boards_monitors.json",
        "statusgator",
        "2024-01-15T12:01:00Z",
        ("service degraded", "1 of 0.0001 usual by 12:01", "alive"),
        edited=(
            (MONITOR("WebsiteMonitor"), MONITOR("ServiceMonitor")),
            ('"API Health"', '"Claude"'),
            ('"filtered_status":"up"', '"filtered_status":"warn"'),
            ('"early_warning_signal":false', '"early_warning_signal":true'),
        ),
    ),
    # What StatusGator sends to a webhook is no answer of its API.
    Case("statusgator/webhook_early_warning_signal.json", "statusgator", "2025-01-29T20:55:00Z", ("Malformed",)),
    Case(
        "downdetector/npm_unofficial_output.json",
        "downdetector",
        "2021-02-21T21:10:00Z",
        (
            "17 of 1 usual by 20:30",
            "16 of 2 usual by 20:45",
            "16 of 2 usual by 21:00",
            "14 of 3 usual by 21:10",
            "alive",
        ),
    ),
    Case("reddit/oauth_listing.synthetic.json", "reddit", "2026-04-28T17:46:00Z", (POST, "alive")),
    Case("reddit/r_ClaudeAI_new.rss.synthetic.xml", "reddit", "2026-04-28T17:46:00Z", (POST, "alive")),
    Case("hackernews/search_by_date.json", "hackernews", "2026-04-28T17:46:00Z", ("1 by 17:46", "alive")),
    Case("google_trends/trending_rss_KR.trimmed.xml", "google_trends", "2026-08-20T23:30:00Z", ("alive",), tag="KR"),
    Case(
        "google_trends/trending_rss_KR.trimmed.xml",
        "google_trends",
        "2026-08-20T23:30:00Z",
        ("2000 of 1 usual KR by 23:30", "alive"),
        tag="KR",
        edited=(("<title>택시</title>", "<title>is claude down</title>"),),
    ),
    # Two of its three lines have no time: nobody knows when they were, so they are no outcome.
    Case(TRANSCRIPT, "claude_code", "2026-09-19T17:15:00Z", (LIMIT, "alive")),
    Case(
        TRANSCRIPT,
        "claude_code",
        "2026-09-19T17:15:00Z",
        (LIMIT, "code inference overloaded at 17:13:30", "code inference overloaded at 17:14:30", "alive"),
        edited=(
            ('"error":"server_error"', '"error":"server_error","timestamp":"2026-09-19T17:13:30Z"'),
            ('"retryAttempt":2', '"retryAttempt":2,"timestamp":"2026-09-19T17:14:30Z"'),
        ),
    ),
    Case(PROXY, "incidentio", "2026-09-29T18:30:00Z", ("service api sign_in codex operational", "alive"), "chatgpt"),
    Case(
        PROXY,
        "incidentio",
        "2026-09-29T18:30:00Z",
        ("service partial_outage", "api major_outage", "sign_in codex operational", "alive"),
        "chatgpt",
        edited=((NONE_BROKEN, BROKEN("full_outage")),),
    ),
    Case(
        PROXY,
        "incidentio",
        "2026-09-29T18:30:00Z",
        ("Malformed",),
        "chatgpt",
        edited=((NONE_BROKEN, BROKEN("melted")),),
    ),
    Case(
        "incidentio_perplexity/proxy_summary.json",
        "incidentio",
        "2026-09-29T18:30:00Z",
        ("service web app computer api operational", "alive"),
        "perplexity",
    ),
    Case(
        "instatus/perplexity_v2_components.json",
        "instatus",
        "2026-07-01T00:00:00Z",
        ("service web api computer operational", "alive"),
        "perplexity",
    ),
    Case(
        "instatus/perplexity_v2_components.json",
        "instatus",
        "2026-07-01T00:00:00Z",
        ("service partial_outage", "web computer operational", "api major_outage", "alive"),
        "perplexity",
        edited=(
            (
                '"name":"API","description":"","status":"OPERATIONAL"',
                '"name":"API","description":"","status":"MAJOROUTAGE"',
            ),
        ),
    ),
    Case(
        "instatus/perplexity_summary.json",
        "instatus",
        "2026-07-01T00:00:00Z",
        ("service operational", "alive"),
        "perplexity",
        tag="summary",
    ),
    # The page of another service; one of its rows has a name that many services give a part.
    Case(
        "betterstack/together_index.trimmed.json",
        "betterstack",
        "2026-09-04T10:20:00Z",
        ("service web operational", "alive"),
    ),
    Case(
        "datadog_statuspage/openrouter.trimmed.json",
        "datadog",
        "2026-09-11T03:00:00Z",
        ("service api web operational", "alive"),
        "openrouter",
    ),
    Case(
        "datadog_statuspage/openrouter.trimmed.json",
        "datadog",
        "2026-09-11T03:00:00Z",
        (
            "service api degraded",
            "web operational",
            "a80f04f9-7b2a-4094-bd45-e42dd5c2ed8a investigating: api degraded",
            "1 posts from 02:38:43",
            "alive",
        ),
        "openrouter",
        edited=(
            ('"resolved":true,"resolvedDate":"2026-08-28T02:19:00Z"', '"resolved":false,"resolvedDate":null'),
            ('"currentStatus":"resolved"', '"currentStatus":"investigating"'),
            (
                '"position":0,"status":"operational","type":"Component"',
                '"position":0,"status":"degraded","type":"Component"',
            ),
        ),
    ),
    # One change object, which the page's own answer wraps.
    Case("flashcat_deepseek/change_resolved.json", "flashcat", "2026-10-02T00:00:00Z", ("Malformed",), "deepseek"),
    Case("checkly_mistral/uptime.trimmed.json", "checkly", "2026-09-04T12:00:00Z", ("alive",), "mistral"),
    Case(
        "checkly_mistral/uptime.trimmed.json",
        "checkly",
        "2026-09-03T02:00:00Z",
        (
            "service api degraded",
            "0ef54c57-d861-4f60-81cd-b27cebabf7b4 investigating: api degraded",
            "1 posts from 01:38:48",
            "alive",
        ),
        "mistral",
        edited=((EVENT("RESOLVED"), EVENT("INVESTIGATING")),),
    ),
    Case(GOOGLE, "google_cloud", "2026-09-10T22:00:00Z", (f"service run compute {GCP_REST}", "alive"), "gcp"),
    Case(
        GOOGLE,
        "google_cloud",
        "2026-09-01T16:30:00Z",
        (
            "service run compute partial_outage",
            GCP_REST,
            "J5ia5t9p3g9Q5Wi7r8Ev None: run compute partial_outage",
            "alive",
        ),
        "gcp",
        edited=(
            ('"end": "2026-09-01T18:52:00+00:00",', ""),
            ('"status": "AVAILABLE"', '"status": "SERVICE_DISRUPTION"'),
        ),
    ),
    # The two dashboards have one format; a service without products on it reads nothing of it as its own.
    Case(
        GOOGLE,
        "google_workspace",
        "2026-09-10T22:00:00Z",
        ("service web operational", "alive"),
        "gemini",
    ),
    *(
        Case(page, "aws", "2026-09-03T22:00:00Z", (AWS_WELL, f"{AWS_OPEN}sign_in unknown", "alive"), "aws")
        for page in AWS_PAGES
    ),
    # The same event in its first days, of the service it hit most.
    *(
        Case(
            page,
            "aws",
            "2026-03-01T16:00:00Z",
            ("service api agents operational", f"{AWS_OPEN}api partial_outage", "1 posts from 12:51:25", "alive"),
            "bedrock",
        )
        for page in AWS_PAGES
    ),
    Case(
        "azure/status_rows.trimmed.html",
        "azure",
        "2026-09-03T22:00:00Z",
        ("service api operational", "alive"),
        "azure-openai",
        tag="table",
    ),
    Case(
        "azure/status_rows.trimmed.html",
        "azure",
        "2026-09-03T22:00:00Z",
        ("service api degraded", "alive"),
        "azure-openai",
        tag="table",
        edited=(('data-label="Good"', 'data-label="Warning"'),),
    ),
    Case("xai_rss/feed.xml", "rss", "2026-09-03T22:00:00Z", (GROK, "alive"), "grok"),
    Case(
        "xai_rss/feed_active_2026-09-03.trimmed.xml",
        "rss",
        "2026-09-03T22:00:00Z",
        (GROK, "INC25664c15 investigating: web major_outage", "alive"),
        "grok",
    ),
    # Its only incident was left open six days before: told by nobody any more.
    Case(
        "openrouter_rss/incidents.rss.trimmed.xml",
        "rss",
        "2026-09-03T16:10:00Z",
        ("service api api_other web unknown", "alive"),
        "openrouter",
    ),
    Case("incidentio_openai/history.atom.trimmed.xml", "atom", "2026-09-03T15:17:00Z", OPENAI_FEED, "chatgpt"),
    Case("statuspage_claude/history.atom.trimmed.xml", "atom", "2026-09-03T15:00:00Z", CLAUDE_FEED),
    Case("mastodon/timeline_tag.json", "mastodon", "2026-04-28T17:46:00Z", ("1 by 17:45", "alive")),
    Case("x_twitter/counts_recent.json", "x", "2026-04-28T17:46:00Z", ("69 by 17:45", "alive")),
    Case("x_twitter/search_recent.json", "x", "2026-04-28T17:46:00Z", ("1 US by 17:45", "alive"), tag="search"),
    # A model that nobody has, as the sample calls it.
    Case("openrouter/endpoints_public.json", "openrouter", "2026-09-03T22:00:00Z", ("Malformed",)),
)
