"""A client that a generator makes from `/openapi.json` can call the API."""

import importlib
import json
import subprocess
import sys

import pytest
from gaffer_stats.plugin import plugin as stats_plugin
from openapi_spec_validator import OpenAPIV31SpecValidator


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The folder of the generated client, below a folder to import it from."""
    return tmp_path_factory.mktemp("generated") / "generated_gaffer"


async def test_document_is_valid(running_api):
    async with running_api(stats_plugin) as api:
        document = (await api.ask("GET", "/openapi.json")).json
    assert not [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert not [name for name in document["components"]["schemas"] if "." in name]
    assert "custom_channels" not in json.dumps(document)


async def test_generated_python_client_calls_the_api(running_api, package, monkeypatch):
    async with running_api(stats_plugin) as api:
        document = package.with_name("openapi.json")
        document.write_bytes((await api.ask("GET", "/openapi.json")).body)
        generator = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
        generator += ["--path", str(document), "--output-path", str(package)]
        config = package.with_name("config.yml")
        config.write_text("post_hooks: []\n")
        made = subprocess.run(
            [*generator, "--config", str(config)], capture_output=True, text=True, check=True
        )
        # Each endpoint that it cannot understand is a warning.
        assert "WARNING" not in made.stdout + made.stderr, made.stdout
        monkeypatch.syspath_prepend(package.parent)
        generated = importlib.import_module("generated_gaffer")

        async def call(operation, *arguments, **more):
            module = importlib.import_module(f"generated_gaffer.api.{operation}")
            async with generated.Client(base_url=api.urls[0]) as client:
                return await module.asyncio(*arguments, client=client, **more)

        models = importlib.import_module("generated_gaffer.models")
        job = models.Template(name="web", cmd="sleep 60")
        assert (await call("jobs.post_jobs_session", "default", body=job)).ok
        await api.kernel.manager.get("web").settled()
        assert (await call("jobs.get_jobs")).jobs == ["web"]
        assert (await call("jobs.get_jobs_session_name_status", "default", "web")).running == 1
        assert (await call("jobs.get_jobs_session_name_pids", "default", "web")).pids == [1]
        scale = models.Scale.from_dict({"scale": 1})
        scaled = await call(
            "jobs.post_jobs_session_name_numprocesses", "default", "web", body=scale
        )
        assert scaled.numprocesses == 2
        assert (await call("pids.get_pids")).pids
        stop = models.State.from_dict({"state": "stop"})
        assert (await call("jobs.post_jobs_session_name_state", "default", "web", body=stop)).ok
        assert (await call("sessions.get_sessions")).sessions == ["default"]
        assert (await call("root.get_version")).name == "gaffer"
        assert (await call("jobs.get_jobs_session_name", "default", "nope")).error == "not_found"
        assert (await call("jobs.delete_jobs_session_name", "default", "web")).ok
