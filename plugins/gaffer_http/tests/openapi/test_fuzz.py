"""Random requests made from `/openapi.json`, whose responses are checked against it.

They go to the API of a real kernel, on a system that starts only `sleep`.
"""

import dataclasses
import os
import re
import threading
from contextlib import suppress

import hypothesis
import pytest
import requests
import schemathesis
import trio
from gaffer_kernel import Config, JobConfig, Kernel, open_kernel
from gaffer_kernel.errors import SpawnError
from gaffer_kernel.linux import LinuxSystem
from gaffer_stats.plugin import plugin as stats_plugin
from schemathesis.generation import derive_operation_seed
from schemathesis.generation.hypothesis.builder import (
    HypothesisTestConfig,
    HypothesisTestMode,
    create_test,
)

from gaffer_http.app import Api
from gaffer_http.openapi.document import describe_routes
from gaffer_http.plugin import plugin as http_plugin

from .strict_document import forbid_other_fields

TIMEOUT = 30
"""Seconds for a request, enough for a busy machine."""
MOST = 20
"""Maximum number of processes."""

JOB = JobConfig(name="web", cmd="sleep 1000", redirect_output=["out"], redirect_input=True)
FEEDS = r"^/(watch|streams)"
NEVER_RIGHT = r"/_signal$"
SHUTDOWN = "^/shutdown$"
"""Stops the kernel that is tested."""
CONFIG = {
    "seed": 1,
    "generation": {"deterministic": True, "database": "none", "with-security-parameters": False},
    # The user of the tests is the owner, with or without a token.
    "checks": {"ignored_auth": {"enabled": False}},
    "cache": {"enabled": False},
}


class Fence(LinuxSystem):
    """A system that starts `sleep` for every program, as the user of the tests, up to a limit."""

    def __init__(self):
        super().__init__()
        self.alive = {}

    def spawn(self, launch, listener):
        if len(self.alive) >= MOST:
            raise SpawnError("no_resources", "there are enough processes")
        harmless = dataclasses.replace(
            launch, argv=["sleep", "1000"], environ={"PATH": os.defpath}, cwd=None, user=None
        )
        child = super().spawn(harmless, listener)
        self.alive[child.os_pid] = child
        return child

    def _forget(self, child):
        super()._forget(child)
        del self.alive[child.os_pid]

    def user(self, uid, gid):
        super().user(uid, gid)


class Server:
    """A kernel with its API in a separate thread."""

    def __init__(self):
        self._ready = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._main,))

    async def _main(self):
        config = Config.from_string("")
        config.options["bind"] = "127.0.0.1:0"
        fence = Fence()
        self._over = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        async with open_kernel(config, plugins=[http_plugin, stats_plugin], system=fence) as kernel:
            [self.url] = kernel.services["http"].addresses
            self.kernel = kernel
            self._ready.set()
            await self._over.wait()
            for job in kernel.manager.jobs():
                job.stop()
            # They may have a wait of years.
            while fence.alive:
                for child in list(fence.alive.values()):
                    child.stop(9)
                await trio.sleep(0.02)

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(TIMEOUT)
        return self

    def __exit__(self, *error):
        self._token.run_sync_soon(self._over.set)
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()

    def pid(self):
        """Return the pid of a process of an existing job; the last one may have exited."""
        return trio.from_thread.run(self._pid, trio_token=self._token)

    async def _pid(self):
        manager = self.kernel.manager
        jobs = {str(job.name): job for job in manager.jobs()}
        job = jobs.pop("web", None)
        for other in jobs.values():
            manager.unload(other.name)
            other.kill_stopping()
        if job is None or job.config != JOB:
            if job is not None:
                manager.unload(job.name)
                job.kill_stopping()
            job = manager.load(JOB)
        job.start()
        job.scale("=1")
        with trio.move_on_after(0.5):
            await job.settled()
        return min(job.pids(), default=0)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        # A feed of stats waits for two samples, in hundreds of requests.
        patch.setattr("gaffer_stats.service.INTERVAL", 0.01)
        # Page keys are created there.
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        with Server() as running:
            yield running


def load():
    api = Api(Kernel(plugins=[http_plugin, stats_plugin]))
    document = forbid_other_fields(describe_routes(api, "1"))
    config = schemathesis.Config.from_dict(CONFIG)
    return schemathesis.openapi.from_dict(document, config=config)


def tame(case, pid):
    """Keep invalid values, but make valid ones quick, and about existing objects."""
    query, path, body = case.query or {}, case.path_parameters or {}, case.body
    with suppress(ValueError, TypeError):
        if 0 <= float(query.get("wait", "x")) <= 600:
            query["wait"] = 0.02
    if str(path.get("n")).isdecimal() and int(path["n"]) < 10**9:
        path["n"] = int(path["n"]) % 3
    if query.get("feed") in ("continuous", "eventsource"):
        query["feed"] = "longpoll"
    # A schema cannot describe which files there are.
    query.pop("file", None)
    if isinstance(body, dict):
        tame_body(body, named="name" in path)
    # An invalid parameter can look valid, but is none of these.
    if case.meta is not None and case.meta.generation.mode.is_positive:
        for key, there in (("name", "web"), ("session", "default"), ("pid", pid)):
            if key in path:
                path[key] = there


def make_integers(fields):
    for field, value in fields.items():
        # For JSON Schema these are integers, too.
        if isinstance(value, float) and value.is_integer():
            fields[field] = int(value)


def tame_body(body, named):
    make_integers(body)
    if isinstance(body.get("flapping"), dict):
        make_integers(body["flapping"])
    if is_number(body.get("numprocesses"), 10_001):
        body["numprocesses"] %= 3
    if is_number(body.get("scale"), 10**9):
        body["scale"] %= 3
    elif isinstance(body.get("scale"), str) and re.fullmatch("[+=-]?[0-9]{1,9}", body["scale"]):
        body["scale"] = "=1"
    # A schema cannot describe the quoting rules of a shell, nor dependencies of two fields.
    texts = {"cmd": "sleep 1000", "args": "1 2", "uid": "root", "gid": "0"}
    for field, value in (texts | {"stop": "TERM 1s, KILL", "stop_command": "true"}).items():
        if isinstance(body.get(field), str) and "\0" not in body[field]:
            body[field] = value
    if isinstance(body.get("args"), list):
        del body["args"][10:]
    if body.get("graceful_timeout") is not None and isinstance(body.get("stop"), str):
        body["stop"] = None
    if "cmd" in body:
        tame_restart(body)
    if body.get("detach") is True:
        body["detach"] = False
    if body.get("pty") is True:
        body["redirect_output"] = ["out"]
    if isinstance(body.get("custom_streams"), list):
        used = body.get("redirect_output") if isinstance(body.get("redirect_output"), list) else []
        streams = body["custom_streams"]
        body["custom_streams"] = [each for each in streams if each not in (*used, "stdin")]
    if named and isinstance(body.get("name"), str):
        del body["name"]


def tame_restart(body):
    if isinstance(body.get("success_codes"), list):
        codes = dict(enumerate(body["success_codes"]))
        make_integers(codes)
        body["success_codes"] = list(codes.values())
    if body.get("restart") == "never" and body.get("flapping") is not None:
        body["restart"] = "always"
    # Without a delay, the longest delay can have any value; so can ready_timeout without
    # ready_after.
    for field, default in (("restart_delay", 0.1), ("ready_after", 0)):
        delay = body.get(field, default)
        is_text = isinstance(delay, str) and re.fullmatch(r"[0-9]+(\.[0-9]*)? ?(ms|[smhd])?", delay)
        if is_text or (type(delay) in (int, float) and 0 <= delay <= 1e9):
            body[field] = 0


def is_number(value, end):
    return type(value) is int and 0 <= value < end


SCHEMA = load()
ANSWERED = (
    SCHEMA.exclude(path_regex=FEEDS, method="GET")
    .exclude(path_regex=NEVER_RIGHT)
    .exclude(path_regex=SHUTDOWN)
)
SETTINGS = hypothesis.settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    # How long generation takes depends on what else the machine does.
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
# schemathesis makes numbers with the random module in a strategy.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Do not use the .random. module"),
    # A thousand requests in one test take 90 seconds on a very busy machine.
    pytest.mark.timeout(600),
]


def each_operation(schema):
    """Run a test with each operation.

    `schema.parametrize` would make all cases of all operations while pytest collects tests, which
    takes seconds in each of its workers.
    """
    operations = [operation.ok() for operation in schema.get_all_operations()]
    return pytest.mark.parametrize("operation", operations, ids=lambda each: each.label)


def check_cases(operation, check):
    """Call `check(case)` for many cases of an operation."""
    modes = set(HypothesisTestMode)
    if operation.path.startswith("/processes") and operation.body:
        # The old names have the job of /jobs as their body; its hundreds of cases need seconds.
        modes.remove(HypothesisTestMode.COVERAGE)
    config = HypothesisTestConfig(
        project=SCHEMA.config,
        modes=sorted(modes),
        settings=SETTINGS,
        seed=derive_operation_seed(CONFIG["seed"], operation.label),
    )
    create_test(operation=operation, test_func=check, config=config)()


@each_operation(ANSWERED)
def test_responses_match_the_document(server, operation):
    def check(case):
        tame(case, server.pid())
        case.call_and_validate(base_url=server.url, timeout=TIMEOUT)

    check_cases(operation, check)


@each_operation(SCHEMA.include(path_regex=FEEDS, method="GET"))
def test_headers_of_feeds_match_the_document(server, operation):
    def check(case):
        # HEAD, because feeds would not end.
        tame(case, server.pid())
        request = case.as_transport_kwargs(base_url=server.url)
        answer = requests.request(**{**request, "method": "HEAD"}, timeout=TIMEOUT)
        described = operation.definition.raw["responses"]
        assert str(answer.status_code) in described
        if answer.status_code == 200:
            assert answer.headers["content-type"].partition(";")[0] in described["200"]["content"]

    check_cases(operation, check)
