"""`/openapi.json`: it has every route, and describes responses completely."""

import json
import subprocess
import sys

import jsonschema_rs
import msgspec
import pytest
from gaffer_kernel import JobConfig, Kernel
from gaffer_kernel.hookspecs import hookimpl
from gaffer_stats.plugin import plugin as stats_plugin
from quart import Blueprint
from schemathesis.openapi import from_dict

from gaffer_http.app import Api
from gaffer_http.openapi.document import describe_routes
from gaffer_http.plugin import plugin as http_plugin

from .strict_document import forbid_other_fields

JOB = JobConfig(
    name="web",
    cmd="sleep 60",
    env={"A": "b"},
    flapping={"attempts": 3},
    redirect_output=["out"],
    custom_streams=["more"],
)


class Routes:
    """A plugin that adds routes."""

    name = "extra"

    def __init__(self, *blueprints):
        self.blueprints = blueprints

    @hookimpl(optionalhook=True)
    def gaffer_http_routes(self, kernel):
        return self.blueprints


def document(*plugins):
    return describe_routes(Api(Kernel(plugins=[http_plugin, *plugins])), "1")


@pytest.fixture
def extra():
    return Blueprint("extra", __name__)


def test_document_is_valid():
    from_dict(document(stats_plugin)).validate()


def test_document_has_every_method_of_every_path():
    app = Api(Kernel(plugins=[http_plugin, stats_plugin]))
    operations = [
        operation
        for path in document(stats_plugin)["paths"].values()
        for operation in path.values()
    ]
    rules = [rule for rule in app.url_map.iter_rules() if not rule.websocket]
    wanted = sum(len(rule.methods - {"HEAD", "OPTIONS"}) for rule in rules)
    assert len(operations) == wanted > 60
    assert len({operation["operationId"] for operation in operations}) == wanted
    for operation in operations:
        assert operation["summary"]
        assert "default" not in operation["responses"], operation
        assert "403" in operation["responses"]


def test_adjacent_parameters_of_a_path_are_described():
    parameters = document()["paths"]["/groups/{session}/_{verb}"]["post"]["parameters"]
    assert [each["name"] for each in parameters] == ["session", "verb", "wait"]
    assert parameters[1]["schema"]["enum"] == ["restart", "start", "stop"]


def test_template_has_the_fields_of_a_job():
    template = document()["components"]["schemas"]["Template"]
    assert set(template["properties"]) == set(JobConfig.__struct_fields__) - {
        "custom_channels",
        "options",
    }
    assert template["required"] == ["name", "cmd"]
    assert template["additionalProperties"] is False
    assert template["patternProperties"] == {"^x_": {}}


async def test_document_is_json_for_every_caller(api):
    answer = await api.ask("GET", "/openapi.json")
    assert (answer.status, answer.json["openapi"]) == (200, "3.1.0")
    assert answer.json["info"]["title"] == "gaffer"
    assert answer.json["info"]["version"] == "1"
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    head = await api.ask("HEAD", "/openapi.json")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize("path", ["/docs", "/redocs", "/scalar"])
async def test_there_is_no_documentation_page_with_foreign_scripts(api, path):
    await api.ask("GET", "/openapi.json")
    assert (await api.ask("GET", path)).status == 404


def test_modules_of_the_document_are_imported_on_the_first_request():
    code = "import sys, gaffer_http.app; sys.exit('quart_schema' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


PATHS = [
    *("/", "/version", "/sessions", "/sessions/default", "/jobs", "/jobs/default"),
    *("/jobs/{session}/{name}", "/jobs/{session}/{name}/status", "/jobs/{session}/{name}/pids"),
    *("/jobs/{session}/{name}/numprocesses", "/jobs/{session}/{name}/stats"),
    *("/pids", "/pids/{pid}", "/pids/{pid}/stats", "/processes", "/processes/{name}"),
    *("/processes/{name}/_pids", "/status/{name}", "/stats", "/stats/{name}/{pid}", "/groups"),
]


async def test_responses_have_exactly_the_described_fields(running_api):
    async with running_api(stats_plugin) as api:
        await api.kernel.manager.load(JOB).settled()
        whole = forbid_other_fields((await api.ask("GET", "/openapi.json")).json)
        for path in PATHS:
            template = {"/sessions/default": "/sessions/{session}"}.get(path, path)
            template = {"/jobs/default": "/jobs/{session}"}.get(template, template)
            answer = await api.ask("GET", path.format(session="default", name="web", pid="1"))
            response = whole["paths"][template]["get"]["responses"]["200"]
            schema = response["content"]["application/json"]["schema"]
            full = {**schema, "components": whole["components"]}
            jsonschema_rs.Draft202012Validator(full).validate(answer.json)
        old = whole["components"]["schemas"]["OldProcessInfo"]
        answer = (await api.ask("GET", "/processes/1")).json
        assert set(answer) == set(old["properties"]) == set(old["required"])


async def test_plugin_describes_its_routes_without_importing_gaffer_http(running_api, extra):
    class Page(msgspec.Struct):
        """A page. More of it."""

        number: int

    @extra.get("/extra/<session>/<page>")
    async def show(session, page):
        """Show a page."""

    show.gaffer_openapi = {"answers": {200: Page}, "path": {"page": int}, "errors": [410]}
    async with running_api(Routes(extra)) as api:
        whole = (await api.ask("GET", "/openapi.json")).json
    operation = whole["paths"]["/extra/{session}/{page}"]["get"]
    assert operation["summary"] == "Show a page."
    assert operation["parameters"][1]["schema"] == {"type": "integer"}
    assert "410" in operation["responses"]
    assert operation["responses"]["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Page"
    }


@pytest.mark.parametrize(
    "wrong", [{"answer": int}, {"answers": {200: object()}}, {"answers": 3}, 3, {"body": complex}]
)
async def test_invalid_description_does_not_affect_other_routes(running_api, extra, wrong, caplog):
    @extra.get("/extra")
    async def show():
        """Show a page."""

    show.gaffer_openapi = wrong
    async with running_api(Routes(extra)) as api:
        answer = await api.ask("GET", "/openapi.json")
    operation = answer.json["paths"]["/extra"]["get"]
    assert operation["summary"] == "Show a page."
    assert operation["responses"]["default"] == {"description": "Not described."}
    assert "the view extra.show is wrong" in caplog.text
    json.dumps(answer.json)


async def test_types_with_the_same_name_do_not_collide(running_api, extra):
    for number, kind in enumerate((int, str)):

        @extra.get(f"/extra{number}", endpoint=f"show{number}")
        async def show():
            """Show a page."""

        page = msgspec.defstruct("Sheet", [("number", kind)], module=f"m{number}")
        show.gaffer_openapi = {"answers": {200: page}}
    async with running_api(Routes(extra)) as api:
        whole = (await api.ask("GET", "/openapi.json")).json
    pages = [each for name, each in whole["components"]["schemas"].items() if "Sheet" in name]
    assert [page["properties"]["number"]["type"] for page in pages] == ["integer", "string"]


async def test_graceful_timeout_of_a_wrong_type_is_refused(api):
    api.kernel.manager.load(JobConfig(name="web", cmd="sleep 60"), start=False)
    for wrong in ({}, [], "", False):
        answer = await api.ask("POST", "/jobs/default/web/commit", {"graceful_timeout": wrong})
        assert (answer.status, answer.slug) == (400, "bad_value"), wrong
