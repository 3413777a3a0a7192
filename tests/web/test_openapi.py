"""The API does what its description says: each call is tried with what is allowed there, and with what is not."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from stillup.web.front import Front

HERE = {"Host": "127.0.0.1:8780"}
READS = (
    "/services",
    "/services/{service}",
    "/services/{service}/verdict",
    "/services/{service}/evidence",
    "/services/{service}/forecast",
    "/services/{service}/reports",
    "/services/{service}/alternatives",
    "/incidents",
    "/incidents/{incident}",
    "/changes",
    "/capabilities",
)
PAGED, ALTERNATIVES = ("/incidents", "/changes"), "/services/{service}/alternatives"


@pytest.fixture
def described(client):
    return client.get("/api/v1/openapi.json").json()


@pytest.fixture
def schema(site_of):
    """The description with the application behind it, for schemathesis."""
    return schemathesis.openapi.from_asgi("/api/v1/openapi.json", Front(site_of()), headers=HERE)


@pytest.mark.parametrize("path", READS)
def test_what_is_allowed_is_answered_in_the_shape_that_is_promised(schema, path):
    # That a cursor must come from an answer before is more than a schema can say.
    excluded = [positive_data_acceptance] if path in PAGED else []
    tried(schema, path, GenerationMode.POSITIVE, excluded)


@pytest.mark.parametrize("path", [path for path in READS if path in (*PAGED, ALTERNATIVES) or "{" in path])
def test_what_is_not_allowed_is_refused_as_it_is_promised(schema, path):
    tried(schema, path, GenerationMode.NEGATIVE, [])


def tried(schema, path, mode, excluded):
    """Make up requests of one kind, the same ones each time; each answer must be one that is described."""
    operation = schema[f"/api/v1{path}"]["get"]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        derandomize=True,
        max_examples=10,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def each(case):
        case.call_and_validate(headers=HERE, excluded_checks=excluded)

    each()


# -- the description itself -------------------------------------------------------------------------------------------


def test_it_is_openapi_3_1_and_every_shape_is_a_schema(described):
    assert described["openapi"].startswith("3.1")
    for shape in described["components"]["schemas"].values():
        Draft202012Validator.check_schema(shape)


def test_every_call_has_a_name_a_title_and_words_and_its_refusals(described):
    calls = [told for item in described["paths"].values() for told in item.values()]
    assert {f"/api/v1{path}" for path in READS} <= set(described["paths"])
    assert len({call["operationId"] for call in calls}) == len(calls)
    for call in calls:
        assert call["summary"]
        assert call["description"]
        assert "400" in call["responses"]


def test_only_the_api_is_in_it(described):
    assert all(path.startswith("/api/v1/") for path in described["paths"])


def test_every_refusal_is_problem_details(described):
    for path in READS:
        for status, told in described["paths"][f"/api/v1{path}"]["get"]["responses"].items():
            if status != "200":
                assert list(told["content"]) == ["application/problem+json"], (path, status)


def test_parameters_have_words_and_bounds(described):
    (limit,) = [p for p in described["paths"]["/api/v1/incidents"]["get"]["parameters"] if p["name"] == "limit"]
    assert (limit["schema"]["minimum"], limit["schema"]["maximum"], limit["schema"]["default"]) == (1, 100, 20)
    for item in described["paths"].values():
        for call in item.values():
            assert all(p["description"] for p in call.get("parameters", ()))


def test_nothing_from_inside_is_named_in_it(described):
    text = json.dumps(described)
    for inside in ("msgspec", "litestar", "stillup.", "Traceback"):
        assert inside not in text


def test_every_shape_that_a_read_answers_says_what_it_is(described):
    shapes = described["components"]["schemas"]
    for path in READS:
        (content,) = described["paths"][f"/api/v1{path}"]["get"]["responses"]["200"]["content"].values()
        name = content["schema"]["$ref"].rsplit("/", 1)[1]
        assert shapes[name]["description"], name
    assert shapes["ProblemDetails"]["description"]
