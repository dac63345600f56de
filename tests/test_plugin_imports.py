"""Test that plugins import only the public names of gaffer-http."""

import ast
from pathlib import Path

import gaffer_http
from gaffer_http import plugin_api

PLUGINS = Path(__file__).parent.parent / "plugins"
EXCEPT = {"gaffer_http"}


def http_imports():
    """Yield each import from gaffer-http in the sources of other plugins: path, module, names."""
    for path in sorted(PLUGINS.glob("*/gaffer_*/**/*.py")):
        if path.relative_to(PLUGINS).parts[0] in EXCEPT:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name.split(".")[0] == "gaffer_http":
                        yield path, alias.name, set()
            elif isinstance(node, ast.ImportFrom) and node.module:
                if node.module.split(".")[0] == "gaffer_http":
                    yield path, node.module, {alias.name for alias in node.names}


def test_plugins_import_only_the_public_surface_of_gaffer_http():
    public = {
        "gaffer_http": set(gaffer_http.__all__) | {"plugin_api"},
        "gaffer_http.plugin_api": set(plugin_api.__all__),
    }
    wrong = [
        f"{path.relative_to(PLUGINS)}: {module}: {sorted(names)}"
        for path, module, names in http_imports()
        if module not in public or not names <= public[module]
    ]
    assert wrong == []


def test_the_plugins_with_routes_use_it():
    users = {path.relative_to(PLUGINS).parts[0] for path, *_ in http_imports()}
    assert users == {
        *("gaffer_auth", "gaffer_lookup", "gaffer_sites", "gaffer_stats", "gaffer_webhooks"),
    }
