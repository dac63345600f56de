"""Test the built wheels, each in its own environment."""

import re
import signal
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from gaffer_testing.waiting import wait_until
from uv import find_uv_bin

ROOT = Path(__file__).parent.parent
PLUGINS = sorted(path.parent.name for path in ROOT.glob("plugins/*/pyproject.toml"))
BEGINNINGS = {"gaffer_kernel": ("gafferd.py",)}
"""Modules of commands outside of the package."""
EXAMPLE = ROOT / "examples" / "plugins" / "package"

IMPORT_ALL = """
import importlib, pkgutil, sys
package = importlib.import_module(sys.argv[1])
for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not module.name.endswith(".__main__"):
        importlib.import_module(module.name)
"""


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def uv(*arguments, cwd):
    return run(find_uv_bin(), *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """The path of each wheel, by the name of its package."""
    target = tmp_path_factory.mktemp("dist")
    versions = ("-b", ROOT / "constraints.txt")
    uv("build", "--all-packages", "--wheel", "--out-dir", target, *versions, cwd=ROOT)
    return {path.name.split("-")[0]: path for path in target.glob("*.whl")}


@pytest.fixture
def fresh(wheels, tmp_path):
    """A function that installs wheels, ours by name, into a new environment; returns its `bin`.

    Our wheels are found in the folder of built wheels, because there is no release yet.
    """
    binaries = tmp_path / "venv" / "bin"
    uv("venv", "--python", sys.executable, tmp_path / "venv", cwd=tmp_path)

    def install(*names):
        target = ("--python", binaries / "python", "-c", ROOT / "constraints.txt")
        target += ("--find-links", wheels["gaffer_kernel"].parent)
        uv("pip", "install", *target, *(wheels.get(name, name) for name in names), cwd=tmp_path)
        return binaries

    return install


def test_every_distribution_has_a_wheel(wheels):
    assert sorted(wheels) == sorted(["gaffer_kernel", *PLUGINS])


@pytest.mark.parametrize("package", ["gaffer_kernel", *PLUGINS])
def test_wheel_contains_package_types_and_licence_only(wheels, package):
    names = zipfile.ZipFile(wheels[package]).namelist()
    assert f"{package}/py.typed" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    metadata = wheels[package].name.removesuffix("-py3-none-any.whl") + ".dist-info"
    ours = {package, metadata, *BEGINNINGS.get(package, ())}
    assert {name.split("/")[0] for name in names} == ours


@pytest.mark.parametrize("package", ["gaffer_kernel", *PLUGINS])
def test_wheel_declares_its_dependencies(fresh, package, tmp_path):
    binaries = fresh(*{"gaffer_kernel", package})
    run(binaries / "python", "-c", IMPORT_ALL, package, cwd=tmp_path)


def test_kernel_alone_has_gafferd(fresh, tmp_path):
    help_text = run(fresh("gaffer_kernel") / "gafferd", "--help", cwd=tmp_path)
    assert "--config" in help_text
    assert "--bind" not in help_text


def test_kernel_alone_supervises_from_the_ini(fresh, tmp_path):
    mark = tmp_path / "mark"
    command = f"sh -c 'touch {mark}; exec sleep 60'"
    (tmp_path / "gaffer.ini").write_text(f"[process:mark]\ncmd = {command}\n")
    gafferd = fresh("gaffer_kernel") / "gafferd"
    with subprocess.Popen([gafferd, "-c", "gaffer.ini"], cwd=tmp_path) as daemon:
        try:
            wait_until(lambda: mark.exists() or daemon.poll() is not None)
            assert mark.exists()
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(timeout=30) == 0
        finally:
            daemon.kill()


def test_plugin_is_found_after_its_wheel_is_installed(fresh, tmp_path):
    gafferd = fresh("gaffer_kernel") / "gafferd"
    assert "http" not in run(gafferd, "--list-plugins", cwd=tmp_path).split()
    fresh("gaffer_http")
    assert "http" in run(gafferd, "--list-plugins", cwd=tmp_path).split()
    assert "--bind" in run(gafferd, "--help", cwd=tmp_path)


def test_gaffer_all_installs_every_plugin_and_command(fresh, tmp_path):
    binaries = fresh("gaffer_all")
    listed = run(binaries / "gafferd", "--list-plugins", cwd=tmp_path)
    expected = {
        name
        for path in ROOT.glob("plugins/*/pyproject.toml")
        for name in tomllib.loads(path.read_text())["project"]
        .get("entry-points", {})
        .get("gaffer", {})
    }
    assert {line.split()[0] for line in listed.splitlines()[1:]} == expected
    for command in ("gaffer", "gafferctl", "gaffer-auth", "gaffer_lookupd"):
        assert run(binaries / command, "--help", cwd=tmp_path)


def test_distribution_of_another_author_is_found(fresh, tmp_path):
    versions = ("-b", ROOT / "constraints.txt")
    uv("build", "--wheel", "--out-dir", tmp_path / "dist", *versions, EXAMPLE, cwd=tmp_path)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    gafferd = fresh("gaffer_kernel", wheel) / "gafferd"
    listed = run(gafferd, "--list-plugins", cwd=tmp_path)
    assert re.search(r"^uptime +1\.0 +gaffer-uptime +loaded$", listed, re.MULTILINE)
