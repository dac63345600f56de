"""The imports inside the repository: the layers of the kernel, and what plugins may import."""

import ast
import tomllib
from graphlib import TopologicalSorter
from importlib.util import resolve_name
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PLUGINS = sorted(ROOT.glob("plugins/gaffer_*"))
FOR_PLUGINS = {"gaffer_kernel", "gaffer_kernel.plugin", "gaffer_kernel.testing"}

CONFIG = {"config", "jobs.config", "jobs.fields", "jobs.validation", "jobs.command"}
CONFIG |= {"jobs.kinds", "jobs.options", "jobs.shell_syntax", "jobs.stop_steps", "jobs.units"}
"""A configuration file is read into JobConfigs: these modules know no running job."""

OPTION_KINDS = {"FilePath", "Percent", "Size"}
"""Types for the job options of plugins: complete, whether or not ours use each of them."""

LAYERS = (
    {"gaffer_kernel.daemon", "gaffer_kernel.plugin", "gaffer_kernel.testing", "gaffer_kernel"},
    {
        "gaffer_kernel.kernel",
        "gaffer_kernel.plan",
        "gaffer_kernel.plugin_advice",
        "gaffer_kernel.reload",
    },
    {"gaffer_kernel.plugins", "gaffer_kernel.jobs"},
    {"gaffer_kernel.linux", "gaffer_kernel.processes"},
    {
        "gaffer_kernel.system",
        "gaffer_kernel.spawn_settings",
        "gaffer_kernel.processes.terminal_size",
    },
    {f"gaffer_kernel.{name}" for name in CONFIG},
    {"gaffer_kernel.events", "gaffer_kernel.hookspecs", "gaffer_kernel.environment"},
    {"gaffer_kernel.names", "gaffer_kernel.path_security"},
    {"gaffer_kernel.errors", "gaffer_kernel.checkpoints", "gaffer_kernel.runtime"},
)


def modules(package):
    """The modules of a package by name, as syntax trees."""
    found = {}
    for path in sorted(package.rglob("*.py")):
        parts = path.relative_to(package.parent).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path
    return found


def module_level(tree):
    """The statements that run when a module is imported."""
    pending = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            pending += node.orelse
            continue
        yield node
        pending += ast.iter_child_nodes(node)


def imports(name, path, nodes, known):
    """The modules that nodes of a module import; a name imported from a package may be one."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            for each in node.names:
                inner = f"{source}.{each.name}"
                yield inner if inner in known else source


def imported_at_start(package):
    """Return the modules that each module of a package imports."""
    found = modules(package)
    return {
        name: set(imports(name, path, module_level(ast.parse(path.read_text())), found)) - {name}
        for name, path in found.items()
    }


@pytest.mark.parametrize("package", [ROOT / "gaffer_kernel", *(p / p.name for p in PLUGINS)])
def test_no_package_has_an_import_cycle(package):
    graph = imported_at_start(package)
    # Raises graphlib.CycleError, which names the modules.
    assert set(TopologicalSorter(graph).static_order()) >= set(graph)


def layer(name):
    """The number of the layer of a kernel module: that of the longest prefix in LAYERS."""
    while True:
        for number, names in enumerate(LAYERS):
            if name in names:
                return number
        name = name.rpartition(".")[0]


def test_kernel_modules_import_only_from_their_layer_or_below():
    upwards = sorted(
        f"{name} imports {other}"
        for name, others in imported_at_start(ROOT / "gaffer_kernel").items()
        for other in others
        if other.startswith("gaffer_kernel") and layer(other) < layer(name)
    )
    assert upwards == []


def test_the_kernel_imports_no_plugin():
    known = {path.name for path in PLUGINS}
    for name, path in modules(ROOT / "gaffer_kernel").items():
        nodes = ast.walk(ast.parse(path.read_text()))
        tops = {each.partition(".")[0] for each in imports(name, path, nodes, ())}
        assert not tops & known, name


def everything_imported(package):
    """All that the modules of a package import, inside functions and for type checkers too."""
    return {
        (name, each)
        for name, path in modules(package).items()
        for each in imports(name, path, ast.walk(ast.parse(path.read_text())), ())
    }


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_plugins_import_only_the_public_modules_of_the_kernel(folder):
    private = [
        f"{name} imports {each}"
        for name, each in sorted(everything_imported(folder / folder.name))
        if each.partition(".")[0] == "gaffer_kernel" and each not in FOR_PLUGINS
    ]
    assert private == []


def test_plugin_lists_exactly_what_plugins_of_this_repository_use():
    from gaffer_kernel import plugin

    used = {
        each.name
        for folder in PLUGINS
        for path in modules(folder / folder.name).values()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "gaffer_kernel.plugin"
        for each in node.names
    }
    assert set(plugin.__all__) - OPTION_KINDS == used - OPTION_KINDS


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_plugins_import_only_the_distributions_they_declare(folder):
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    declared = list(project.get("dependencies", ()))
    for extra in project.get("optional-dependencies", {}).values():
        declared += extra
    allowed = {folder.name, *(each.split()[0].replace("-", "_") for each in declared)}
    undeclared = [
        f"{name} imports {each}"
        for name, each in sorted(everything_imported(folder / folder.name))
        if each.startswith("gaffer_")
        and not any(one.startswith(each.partition(".")[0]) for one in allowed)
    ]
    assert undeclared == []


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_tests_of_plugins_need_no_helper_of_the_root(folder):
    imported = {
        (path.name, each)
        for name, path in modules(folder / "tests").items()
        for each in imports(f"of.{name}", path, ast.walk(ast.parse(path.read_text())), ())
    }
    assert [pair for pair in sorted(imported) if pair[1].partition(".")[0] == "tests"] == []


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda path: path.name)
def test_entry_points_have_one_form(folder):
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    for name, value in project.get("entry-points", {}).get("gaffer", {}).items():
        assert folder.name == f"gaffer_{name}"
        assert value == f"{folder.name}.plugin:plugin"
