"""The hooks of the kernel and of plugins: docs/hooks.md agrees with the code."""

import inspect
import re
import types
from pathlib import Path

import pluggy
import pytest
import trio
import trio.testing
from importlib_metadata import entry_points

from gaffer_kernel import hookspecs
from gaffer_kernel.config import Config
from gaffer_kernel.events import EventBus
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.kernel import open_kernel
from gaffer_kernel.plugins import Plugins
from gaffer_kernel.testing import FakeSystem, Plan

PAGE = (Path(__file__).parent.parent / "docs" / "hooks.md").read_text()
SECTIONS = dict(
    re.findall(r"^## (gaffer_\w+\(.*?\))\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
)
KERNEL_HOOKS = {
    name: function
    for name, function in vars(hookspecs).items()
    if hasattr(function, f"{hookspecs.PROJECT}_spec")
}


def brought():
    """Return the hooks that the plugins of this repository bring."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    for point in sorted(entry_points(group=hookspecs.PROJECT)):
        if bring := getattr(point.load(), "gaffer_addhooks", None):
            bring(pluginmanager=manager)
    return {name: caller.spec.function for name, caller in vars(manager.hook).items()}


BROUGHT_HOOKS = brought()
HOOKS = {**KERNEL_HOOKS, **BROUGHT_HOOKS}


def signature(name):
    return f"{name}({', '.join(inspect.signature(HOOKS[name]).parameters)})"


def example(text, number=0):
    """Make a plugin of an example in a text."""
    code = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[number]
    plugin = types.ModuleType("example")
    exec(compile(code, "docs/hooks.md", "exec"), vars(plugin))
    return plugin


def test_the_kernel_has_thirteen_hooks():
    assert list(KERNEL_HOOKS) == [
        "gaffer_addhooks",
        "gaffer_add_options",
        "gaffer_config_sections",
        "gaffer_job_options",
        "gaffer_configure",
        "gaffer_service",
        "gaffer_event",
        "gaffer_start_condition",
        "gaffer_base_env",
        "gaffer_process_env",
        "gaffer_spawn_settings",
        "gaffer_readiness",
        "gaffer_restart_delay",
    ]


def test_plugins_bring_four_hooks():
    assert set(BROUGHT_HOOKS) == {
        *("gaffer_http_routes", "gaffer_http_caller", "gaffer_exporters", "gaffer_commands"),
    }


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_is_typed_and_documented(name):
    hook = HOOKS[name]
    parameters = inspect.signature(hook).parameters
    assert set(hook.__annotations__) == {*parameters, "return"}
    assert len(hook.__doc__.splitlines()[0]) <= 100
    assert ("Args:" in hook.__doc__) == bool(parameters)
    assert ("Returns:" in hook.__doc__) == (hook.__annotations__["return"] != "None")
    for parameter in parameters:
        assert f"{parameter}: " in hook.__doc__


def test_the_page_has_each_hook_with_its_arguments_in_the_same_order():
    kernels = len(KERNEL_HOOKS)
    assert list(SECTIONS)[:kernels] == [signature(name) for name in KERNEL_HOOKS]
    assert sorted(list(SECTIONS)[kernels:]) == sorted(map(signature, BROUGHT_HOOKS))


def test_the_table_at_the_top_has_each_hook():
    table = re.findall(r"^\|.*\|$", PAGE, re.MULTILINE)
    assert re.findall(r"`(gaffer_\w+)`", "\n".join(table)) == [
        section.partition("(")[0] for section in SECTIONS
    ]


@pytest.mark.parametrize("name", HOOKS)
def test_the_example_of_each_hook_is_a_plugin(name):
    plugin = example(SECTIONS[signature(name)])
    assert hasattr(vars(plugin)[name], f"{hookspecs.PROJECT}_impl")
    plugins = Plugins()
    plugins.add(plugin)
    plugins.check()


async def test_the_whole_plugin_of_the_page_works():
    plugins = Plugins()
    plugins.add(example(PAGE), "tally")
    kernel = types.SimpleNamespace(events=EventBus(), config=Config())
    async with plugins.running(kernel):
        await plugins.open_all()
        kernel.events.publish("exit", name="web", asked=False, reason="exited with status 1")
        kernel.events.publish("exit", name="web", asked=False, reason="killed by SIGKILL")
        kernel.events.publish("exit", name="web", asked=True, reason="stopped by a user's request")
        await trio.testing.wait_all_tasks_blocked()
        assert plugins.services["tally"] == {"web": 2}
    assert [info.error for info in plugins.info()] == [None]


def load_example(name):
    return example(SECTIONS[signature(name)])


async def test_start_condition_of_the_page_keeps_a_job_waiting(autojump_clock, tmp_path):
    plugin = load_example("gaffer_start_condition")
    plugin.FLAG = tmp_path / "maintenance"
    plugin.FLAG.touch()
    async with open_kernel(plugins=[plugin], system=FakeSystem()) as kernel:
        job = kernel.manager.load(JobConfig(name="web", cmd="serve"))
        await trio.sleep(5)
        assert [each.reason for each in job.instances] == [f"{plugin.FLAG} exists"]
        plugin.FLAG.unlink()
        await job.settled()


async def test_readiness_of_the_page_follows_the_output(autojump_clock):
    plugin, system = load_example("gaffer_readiness"), FakeSystem()
    async with open_kernel(plugins=[plugin], system=system) as kernel:
        env = {"WAIT_FOR_MARK": "1"}
        job = kernel.manager.load(JobConfig(name="web", cmd="serve", env=env))
        await trio.sleep(5)
        assert [each.state for each in job.instances] == ["starting"]
        [fake] = system.processes.values()
        fake.emit("listening on port 80\n")
        await job.settled()
        assert [(each.state, each.reason) for each in job.instances] == [("ready", "it listens")]


async def test_the_application_of_the_page_loads_a_job_and_counts_its_exits(autojump_clock):
    classes = PAGE.partition("## A class in place of a module")[2]
    plugin = example(classes, 1).TallyPlugin()
    system = FakeSystem(plan=lambda request: Plan(life=1.0, exit_code=1))
    async with open_kernel(plugins=[plugin], system=system) as kernel:
        async with kernel.events.subscribe("exit") as exits:
            await anext(exits)
        await trio.testing.wait_all_tasks_blocked()
        assert kernel.services["tally"].crashes == 1
        await kernel.plugins.close("tally")
        assert kernel.manager.jobs() == []
