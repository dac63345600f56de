"""Tests of the section [auth] and of the audit log."""

import logging
import os
import re
from contextlib import asynccontextmanager

import pytest
from gaffer_kernel import Config, ConfigError, GafferError, Kernel, open_kernel

from gaffer_auth.plugin import plugin as auth_plugin
from gaffer_auth.settings import read_settings

AUDIT = logging.getLogger("gaffer.audit")
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ token ci: POST /jobs: 202\n")


def checked(ini):
    config = Config.from_string(ini, "gaffer.ini")
    Kernel(config, plugins=[auth_plugin]).configure()
    return read_settings(config)


def refused(ini):
    with pytest.raises(ConfigError) as caught:
        checked(ini)
    return str(caught.value)


def test_defaults(home):
    settings = checked("")
    assert (settings.file, settings.audit) == (home.file, None)


def test_paths_expand_home(home):
    settings = checked("[auth]\nfile = ~/a.json\naudit = ~/audit.log")
    assert (settings.file, settings.audit) == (home.folder / "a.json", home.folder / "audit.log")


def test_environment_overrides_configuration(home, monkeypatch):
    monkeypatch.setenv("GAFFER_AUTH_FILE", "~/b.json")
    assert checked("[auth]\nfile = ~/a.json").file == home.folder / "b.json"


def test_unknown_key_is_an_error(home):
    assert (
        refused("[auth]\n\nfil = x")
        == "gaffer.ini:3: [auth] fil: unknown key, did you mean 'file'?"
    )


@pytest.mark.parametrize("key", ["file", "audit"])
def test_empty_path_is_an_error(home, key):
    assert (
        refused(f"[auth]\n{key} =")
        == f"gaffer.ini:2: [auth] {key}: is empty: give the path of a file"
    )


def test_missing_folder_is_an_error(home):
    assert refused("[auth]\naudit = ~/none/log").endswith(f"no such folder: {home.folder}/none")


def test_unsafe_file_is_an_error(home, monkeypatch):
    home.token("ci")
    home.file.chmod(0o644)
    words = f"{home.file}: is accessible to other users: chmod 600 {home.file}"
    assert refused("") == words
    assert refused(f"[auth]\nfile = {home.file}") == f"gaffer.ini:2: [auth] file: {words}"
    monkeypatch.setenv("GAFFER_AUTH_FILE", str(home.file))
    assert refused("[auth]\nfile = /none") == words


def test_check_creates_no_file(home):
    checked("[auth]\naudit = ~/audit.log")
    assert os.listdir(home.folder) == []


# The audit log


@asynccontextmanager
async def audited(ini="[auth]\naudit = ~/audit.log"):
    async with open_kernel(Config.from_string(ini), plugins=[auth_plugin]) as kernel:
        yield kernel


def record():
    AUDIT.info("%s: %s: %s", "token ci", "POST /jobs", 202)


async def test_audit_file_ignores_log_level(home, caplog):
    file = home.folder / "audit.log"
    before = (AUDIT.level, AUDIT.propagate, list(AUDIT.handlers))
    async with audited():
        assert file.stat().st_mode & 0o777 == 0o600
        record()
        assert LINE.fullmatch(file.read_text())
        # The log level of gafferd is WARNING.
        assert caplog.messages == []
    assert (AUDIT.level, AUDIT.propagate, list(AUDIT.handlers)) == before
    record()
    async with audited():
        record()
    assert len(file.read_text().splitlines()) == 2


async def test_audit_records_stay_in_verbose_log(home, caplog):
    caplog.set_level(logging.INFO)
    async with audited():
        record()
        assert "token ci: POST /jobs: 202" in caplog.messages


async def test_moved_audit_file_is_created_again_with_mode_0600(home):
    file = home.folder / "audit.log"
    async with audited():
        record()
        file.rename(home.folder / "audit.log.1")
        record()
        assert LINE.fullmatch(file.read_text())
        assert file.stat().st_mode & 0o777 == 0o600


async def test_audit_record_is_one_line(home):
    async with audited():
        AUDIT.info("token ci: GET /%s", "a\nb\x1b[2J\u2028")
    assert (home.folder / "audit.log").read_text().endswith("token ci: GET /a\\nb\\x1b[2J\\u2028\n")


async def test_audit_failure_is_logged_once(home, caplog):
    file = home.folder / "audit.log"
    async with audited():
        file.rename(home.folder / "moved")
        file.mkdir()
        for _ in range(3):
            record()
        assert caplog.messages == [f"audit log {file}: Is a directory: changes are not recorded"]
        file.rmdir()
        record()
        assert LINE.fullmatch(file.read_text())
        assert caplog.messages[1:] == [f"audit log {file}: changes are recorded again"]


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("x", path)])
async def test_audit_path_that_is_not_a_file_fails_the_start(home, make):
    make(home.folder / "audit.log")
    with pytest.RaisesGroup(GafferError, allow_unwrapped=True, flatten_subgroups=True) as raised:
        async with audited():
            pass
    [error] = getattr(raised.value, "exceptions", [raised.value])
    assert str(error).startswith(f"plugin auth: did not start: audit log {home.folder}/audit.log: ")
