"""Options that plugins add to jobs, over HTTP."""

from typing import Annotated

import pytest
from gaffer_kernel import hookimpl
from gaffer_kernel.plugin import Seconds
from gaffer_testing import Callers
from msgspec import Meta, Struct
from openapi_spec_validator import validate

SLEEP = {"name": "dummy", "cmd": "sleep 100"}
JOB = "/jobs/default/dummy"


class Options(Struct, frozen=True):
    probe_exec: Annotated[str | None, Meta(description="A command.")] = None
    probe_every: Annotated[
        Seconds, Meta(description="The interval.", extra={"applies": "live"})
    ] = 10.0
    probe_tags: tuple[str, ...] = ()


class Probe:
    name = "probe"

    @hookimpl
    def gaffer_job_options(self):
        return Options


@pytest.fixture
async def api(running_api):
    async with running_api(Probe(), Callers()) as api:
        yield api


async def ask(api, caller, method, path, body=None):
    return await api.ask(method, path, body, authorization=f"Bearer {caller}")


async def test_options_are_fields_of_requests_and_answers(api):
    answer = await api.ask("POST", "/jobs/default?wait=10", SLEEP | {"probe_every": "1m"})
    assert answer.status == 201

    config = (await api.ask("GET", JOB)).json["config"]
    assert config["probe_every"] == 60.0
    assert "options" not in config
    assert api.kernel.manager.get("dummy").options(Options).probe_every == 60.0
    copy = await api.ask("POST", "/jobs/default", config | {"name": "copy"})
    assert copy.status == 201
    assert (await api.ask("GET", "/processes/dummy")).json["probe_every"] == 60.0


async def test_live_option_is_changed_without_a_new_process(api):
    await api.ask("POST", "/jobs/default?wait=10", SLEEP)
    for field, pids in (({"probe_every": 5}, [1]), ({"probe_exec": "true"}, [2])):
        assert (await api.ask("PUT", f"{JOB}?wait=10", SLEEP | field)).json["settled"]
        assert (await api.ask("GET", JOB)).json["processes"] == pids


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ({"probe_every": "soon"}, "probe_every: must be seconds from 0"),
        ({"probe_evry": 1}, "probe_evry: is not a field of a job, did you mean 'probe_every'?"),
        ({"probe_tags": ["a", 5]}, "probe_tags[1]: must be text, not 5"),
        ({"options": {"probe_every": 1}}, "options: is not a field of a job"),
        ({"health_http": "/"}, "health_http: belongs to gaffer-health, which is not installed"),
    ],
)
async def test_wrong_option_is_refused(api, field, reason):
    for method, path in (("POST", "/jobs/default"), ("POST", "/processes")):
        answer = await api.ask(method, path, SLEEP | field)
        assert (answer.status, answer.slug) == (400, "invalid_process_info")
        assert answer.json["reason"].startswith(reason)


async def test_texts_are_masked_for_callers_who_may_not_manage(api):
    options = {"probe_exec": "check hunter2", "probe_tags": ["hunter2"], "probe_every": 5}
    assert (
        await ask(api, "manage", "POST", "/jobs/default?wait=10", SLEEP | options)
    ).status == 201

    for path in (JOB, "/processes/dummy"):
        shown = (await ask(api, "read", "GET", path)).json
        config = shown.get("config", shown)
        assert config["probe_exec"] == "***"
        assert config["probe_tags"] == ["***"]
        assert config["probe_every"] == 5
        assert "hunter2" in str((await ask(api, "manage", "GET", path)).json)


@pytest.mark.parametrize("field", [{"probe_exec": "***"}, {"probe_tags": ["***"]}])
async def test_mask_is_not_accepted_as_a_value(api, field):
    answer = await api.ask("POST", "/jobs/default", SLEEP | field)
    assert (answer.status, answer.slug) == (400, "invalid_process_info")


async def test_document_describes_the_options(api):
    document = (await api.ask("GET", "/openapi.json")).json
    validate(document)
    schemas = document["components"]["schemas"]

    for name in ("Template", "Replacement", "Configuration", "OldProcessInfo"):
        properties = schemas[name]["properties"]
        assert "options" not in properties
        assert properties["probe_exec"]["description"] == "A command."
        assert properties["probe_every"]["anyOf"][0]["type"] == "number"
        assert "probe_every" not in schemas[name]["required"]
    assert "Options" not in schemas
