"""Test that docs/migration.md lists every old name, and that every new name exists."""

import importlib
import re
from pathlib import Path

from gaffer_http.app import Api
from gaffer_http.plugin import plugin as http_plugin
from gaffer_stats.plugin import plugin as stats_plugin

import gaffer_kernel
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.kernel import Kernel, open_kernel
from gaffer_kernel.testing import FakeSystem

PAGE = (Path(__file__).parent.parent / "docs" / "migration.md").read_text()

NAMES = {
    "Manager.": """
        active add_process commit get get_process get_process_id info jobs jobs_walk kill killall
        list load manage monitor pids reload restart run running scale send sessions start start_job
        start_processes stats stop stop_job stop_process stop_processes stopall subscribe unload
        unmonitor unsubscribe update wakeup walk""",
    "Process.": """
        active close closed info kill monitor monitor_io os_pid spawn stats status stop unmonitor
        unmonitor_io write writelines""",
    "ProcessConfig.": "DEFAULT_PARAMS from_dict get make_process to_dict",
    "ProcessWatcher.": "active refresh stop subscribe subscribe_once unsubscribe",
    "RedirectIO.": "pipes_count start stdio stop subscribe unsubscribe",
    "RedirectStdin.": "start stop write writelines",
    "Stream.": "start subscribe unsubscribe",
    "EventEmitter.": """
        close publish subscribe subscribe_once unsubscribe unsubscribe_all unsubscribe_once""",
    "WebHooks.": """
        close decref incref maybe_start_monitor maybe_stop_monitor refcount register_hook restart
        start stop unregister_hook""",
    "MyApplication.": "start stop restart",
    "Plugin.": "name version description mandatory app",
    "Procfile.": "as_configparser as_dict get_appname parse parse_cmd processes",
    "Pidfile.": "create rename unlink validate",
    "Server.": "add_process",
    "process.": "start add stop",
    "Color.": "output",
    "ConsoleOutput.": "DEFAULT_ACTIONS start stop restart",
    "BaseSigHandler.": "QUIT_SIGNALS handle_quit handle_reload start stop restart",
    "SigHandler.": "handle_quit handle_reload start",
    "util.": """
        bind_sockets bytes2human bytestring check_gid check_uid daemonize from_nanotime getcwd
        hostname is_ipv6 is_ssl nanotime ord_ parse_address parse_job_name parse_signal_value
        parse_ssl_options setproctitle_ substitute_env""",
    "IOLoop.": """
        ERROR NONE READ WRITE add_callback add_handler add_timeout close handle_callback_exception
        initialized install instance log_stack remove_handler remove_timeout running
        set_blocking_log_threshold set_blocking_signal_threshold start stop update_handler""",
    "PeriodicCallback.": "start stop",
    "Waker.": "wake",
    "tornado_pyuv.": "install",
    # Events of processes, and the commands with their options.
    "proc.<name>.": "start spawn exit stop stop_pid reap",
    "gafferctl ": "processes load_process load add start stop watch",
    "gaffer ": """
        start run load unload scale ps export -h --help --version -f --procfile -d --directory -e
        --env --endpoint -c --concurrency --nostart --format --out""",
    "gaffer_lookupd ": """
        -h --help --version -v --daemon --pidfile --backlog --bind --certfile --keyfile --cacert""",
    # Without a prefix: classes and functions, events, the file, gafferd.
    "": """
        Manager FlappingInfo Process ProcessConfig ProcessWatcher RedirectIO RedirectStdin Stream
        get_process_stats EventEmitter WebHooks Procfile get_env Pidfile IOLoop PeriodicCallback
        Waker Server Color ConsoleOutput colored status_bar BaseSigHandler SigHandler HttpHandler
        Plugin _site
        create start stop restart update delete spawn reap exit stop_pid STATS
        load unload stop_process
        [gaffer] [endpoint:NAME] [webhooks] [process:NAME] [env:NAME] http_endpoints plugin_dir bind
        certfile keyfile cmd args cwd uid gid detach shell flapping redirect_input redirect_output
        graceful_timeout os_env priority numprocesses
        daemonize error_log log_level broadcast_address lookupd_address [ssl] [lookup_ssl]
        config -h --help -c --config -p --plugins-dir -v -vv --vv --daemon --pidfile --bind
        --certfile --keyfile --backlog gaffer_lookupd""",
}
"""The names in the old documentation, by their prefix."""

PATHS = """
    GET /ping
    GET /processes/<name>/_pids
    GET /streams/<pid>/<label>
    POST /streams/<pid>/stdin
    POST /streams/<pid>/ttin
    /wstreams/<pid>
    /_plugin/<name>/
    GET /processes
    GET /groups
    GET /watch
    GET /stats
    GET /status/<name>
""".strip().splitlines()

ROW = re.compile(r"^\| (?P<old>.+?) \|(?P<new>.*)\|$", re.M)
SPAN = re.compile(r"`([^`]+)`")
REFERENCE = re.compile(r"(kernel|manager|job|process)((?:\.[a-z_]+)+)")
EXPORT = re.compile(r"gaffer_[a-z]+(?:\.\w+)+")


def old_names():
    names = [f"{owner}{name}" for owner, names in NAMES.items() for name in names.split()]
    return [*names, *map(str.strip, PATHS)]


def spans(column):
    return [span for row in ROW.finditer(PAGE) for span in SPAN.findall(row[column])]


def test_old_names_have_a_row():
    rows = spans("old")
    missing = [
        name
        for name in old_names()
        if not any(row == name or row.startswith((f"{name}(", f"{name} ")) for row in rows)
    ]

    assert not missing
    assert len(set(old_names())) == len(old_names()) > 250


def test_rows_have_a_replacement():
    for row in ROW.finditer(PAGE):
        assert row["new"].strip(" |"), row["old"]


def test_named_classes_are_public():
    words = {word for span in spans("new") for word in re.findall(r"^([A-Z]\w+)[.(]", span)}

    assert words - {"GET", "POST", "PUT", "DELETE"}
    assert all(hasattr(gaffer_kernel, word) for word in words), words


def test_names_of_other_packages_can_be_imported():
    for name in EXPORT.findall(PAGE):
        module, *path = name.split(".")
        found = importlib.import_module(module)
        for part in path:
            found = getattr(found, part)


async def test_named_attributes_exist(autojump_clock):
    async with open_kernel(system=FakeSystem()) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="serve"))
        await job.settled()
        roots = {"kernel": kernel, "manager": kernel.manager, "job": job}
        roots["process"] = job.processes[0]
        references = REFERENCE.findall("\n".join(spans("new")))
        assert len(references) > 50
        for root, path in references:
            found = roots[root]
            for part in path.strip(".").split("."):
                found = getattr(found, part)


def test_named_paths_exist():
    routes = Api(Kernel(plugins=[http_plugin, stats_plugin])).url_map.bind("localhost")
    paths = {span for span in spans("new") if re.match(r"[A-Z]+ /", span)}

    assert paths
    for method, path in map(str.split, paths):
        routes.match(re.sub("<[a-z]+>", "1", path), method)
