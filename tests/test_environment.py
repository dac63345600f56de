"""The variables that a process inherits from gafferd, and the secrets that it does not."""

import pytest

from gaffer_kernel.environment import PRIVATE, inherited
from gaffer_kernel.system import User

OURS = {
    "PATH": "/bin",
    "LANG": "C",
    "LC_TIME": "C",
    "TZ": "UTC",
    "HOME": "/root",
    "AWS_SECRET": "x",
    **dict.fromkeys(PRIVATE, "secret"),
}
OTHER = User(1000, 1000, (), {"HOME": "/home/a", "USER": "a"}, is_other=True)
SAME = User(0, 5, (), {"HOME": "/own"})
FOR_OTHERS = {"PATH": "/bin", "LANG": "C", "LC_TIME": "C", "TZ": "UTC"}


@pytest.mark.parametrize("os_env", [None, True, False])
@pytest.mark.parametrize("user", [None, OTHER, SAME])
def test_secrets_of_gaffer_are_never_inherited(os_env, user):
    assert not PRIVATE & inherited(OURS, os_env, user).keys()
    assert {"GAFFER_TOKEN", "GAFFER_AUTH_FILE", "CREDENTIALS_DIRECTORY"} <= PRIVATE


def test_another_user_inherits_only_path_locale_time_zone_and_their_own():
    assert inherited(OURS, None, OTHER) == {**FOR_OTHERS, **OTHER.environ}


def test_another_user_inherits_all_with_os_env():
    assert inherited(OURS, True, OTHER).items() >= {"AWS_SECRET": "x", "HOME": "/home/a"}.items()


def test_another_group_alone_inherits_all():
    assert inherited(OURS, None, SAME).items() >= {"AWS_SECRET": "x", "HOME": "/own"}.items()


def test_without_os_env_only_variables_of_the_user_are_set():
    assert inherited(OURS, False, None) == {}
    assert inherited(OURS, False, OTHER) == OTHER.environ


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GAFFER_TOKEN", "GAFFER_AUTH_FILE", "CREDENTIALS_DIRECTORY", "AWS_SECRET"):
        monkeypatch.setenv(name, "hunter2")


async def test_a_real_process_gets_no_secret_of_gaffer_nor_can_a_command_name_one(secrets, run):
    for os_env in (None, True, False):
        printed = await run("/usr/bin/env -- /bin/sh -c 'env; echo $GAFFER_TOKEN'", os_env=os_env)
        assert "GAFFER_TOKEN=" not in printed
        assert ("hunter2" in printed) == (os_env is not False)  # AWS_SECRET


@pytest.mark.root
async def test_a_real_process_of_another_user_inherits_nothing_unless_configured(secrets, run):
    assert "hunter2" not in await run("env", uid="nobody")
    assert "USER=nobody\n" in await run("env", uid="nobody")
    assert "AWS_SECRET=hunter2" in await run("env", uid="nobody", os_env=True)
    assert "AWS_SECRET=hunter2" in await run("env", uid="root")


async def test_secrets_that_a_job_sets_are_passed(secrets, run):
    assert "GAFFER_TOKEN=own\n" in await run("env", env={"GAFFER_TOKEN": "own"})
