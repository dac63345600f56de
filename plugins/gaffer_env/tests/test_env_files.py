"""The key `env_file`: what the process gets, and why it is not started."""

import os
import pwd

import pytest
from gaffer_kernel import InvalidField, JobConfig


async def test_variables_of_a_file_reach_the_process(bench):
    path = bench.write("a.env", "# a comment\nA=1\nexport B='two words'\nC=\"${A}${PATH}\"\n")

    environ = await bench.start(path)

    assert environ.items() >= {"A": "1", "B": "two words", "C": "1/usr/bin:/bin"}.items()


async def test_files_are_above_inherited_variables_and_below_those_of_the_job(bench):
    path = bench.write("a.env", "PATH=/file\nOWN=file\nPORT=1\nGAFFER_JOB=file\n")

    environ = await bench.start(path, env={"OWN": "job"}, port=8000)

    expected = {"PATH": "/file", "OWN": "job", "PORT": "8000", "GAFFER_JOB": "web"}
    assert environ.items() >= expected.items()


async def test_variables_of_a_one_off_are_above_the_files(bench):
    job = bench.load(bench.write("a.env", "A=file\nB=file\n"))
    pid = job.commit({"A": "one-off"})
    await job.settled()
    process = bench.kernel.manager.process(pid)
    environ = bench.system.processes[process.os_pid].request.environ
    assert (environ["A"], environ["B"]) == ("one-off", "file")


async def test_later_file_wins_and_sees_the_earlier_one(bench):
    bench.write("a.env", "A=1\nB=1\n")
    bench.write("b.env", "B=2\nC=${A}\n")

    environ = await bench.start("a.env", "b.env")

    assert (environ["A"], environ["B"], environ["C"]) == ("1", "2", "1")


async def test_reference_to_a_variable_that_is_not_inherited_is_empty(bench, monkeypatch):
    monkeypatch.setenv("OF_GAFFERD", "hunter2")
    environ = await bench.start(bench.write("a.env", "A=${OF_GAFFERD}\n"))
    assert environ["A"] == ""


async def test_file_is_read_at_every_start(bench):
    job = bench.load(bench.write("a.env", "A=1\n"))
    assert (await bench.environ(job))["A"] == "1"

    bench.write("a.env", "A=2\n")
    job.restart()

    assert (await bench.environ(job))["A"] == "2"


async def test_relative_path_is_relative_to_cwd(bench):
    folder = bench.folder / "app"
    folder.mkdir()
    (folder / "a.env").write_text("A=1\n")

    assert (await bench.start("a.env", cwd=str(folder)))["A"] == "1"


async def test_relative_path_in_a_configuration_is_relative_to_the_file(run_bench, tmp_path):
    (tmp_path / "a.env").write_text("A=1\n")
    (tmp_path / "b c.env").write_text("B=2\n")
    ini = "[process:web]\ncmd = serve\ncwd = /\nenv_file = a.env, ?none.env\n    b c.env\n"

    async with run_bench(ini) as bench:
        job = bench.kernel.manager.get("web")
        assert job.config.options["env_file"] == (
            f"{tmp_path}/a.env",
            f"?{tmp_path}/none.env",
            f"{tmp_path}/b c.env",
        )
        environ = await bench.environ(job)
        assert (environ["A"], environ["B"]) == ("1", "2")


async def test_missing_optional_file_is_no_error(bench):
    environ = await bench.start("?none.env", "?a.env/none", bench.write("a.env", "A=1\n"))
    assert environ["A"] == "1"


async def test_missing_file_is_tried_again(bench):
    job = bench.load("a.env")
    event = await bench.recorder.wait_for("spawn_error")
    path = bench.folder / "a.env"
    assert event.data["error"] == "bad_env"
    assert event.data["reason"] == (f"env_file {path}: no such file: create it, or write ?{path}")
    assert job.status()["last_error"] == event.data["reason"]

    bench.write("a.env", "A=1\n")
    assert (await bench.environ(job))["A"] == "1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("A=1\nhunter2\n", "line 2 is not NAME=value"),
        ("A=1\n\nhunter 2=5\n", "line 3 is not NAME=value"),
        ("HUNTER2", "line 1 is not NAME=value"),
        (b"A=\xff\n", "is not UTF-8 text"),
        ("A=hunter2\0\n", "has a NUL character"),
        ("A=" + "hunter2" * 200_000, "is longer than 1048576 bytes"),
    ],
)
@pytest.mark.parametrize("mark", ["", "?"])
async def test_wrong_file_is_named_without_its_content(bench, text, problem, mark):
    path = bench.write("a.env", text)
    assert await bench.error(f"{mark}{path}") == ("bad_env", f"env_file {path}: {problem}")


async def test_fifo_and_folder_are_refused_at_once(bench):
    os.mkfifo(bench.folder / "fifo")
    slug, reason = await bench.error("fifo")
    assert (slug, reason) == ("bad_env", f"env_file {bench.folder}/fifo: is not a regular file")
    bench.kernel.manager.unload("web")
    bench.recorder.events.clear()
    slug, reason = await bench.error(".")
    assert slug == "bad_env"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_file_without_permission_is_named(bench):
    path = bench.write("a.env", "A=1\n")
    os.chmod(path, 0)
    assert await bench.error(path) == (
        "bad_env",
        f"env_file {path}: cannot be read: Permission denied",
    )


@pytest.mark.parametrize("files", ["a.env", [""], ["?"], ["??a"], [5], ["a\0"], None])
async def test_wrong_value_is_refused(bench, files):
    config = JobConfig(name="web", cmd="serve", options={"env_file": files})
    with pytest.raises(InvalidField, match=r"^env_file"):
        bench.kernel.manager.load(config)


async def test_values_are_shown_nowhere(bench):
    path = bench.write("a.env", "SECRET=hunter2\n")
    job = bench.load(path, cmd="serve --token $SECRET", redirect_output=["out"])
    await bench.environ(job)
    [process] = job.processes
    system = bench.system.processes[process.os_pid]
    assert system.request.argv == ["serve", "--token", "hunter2"]

    system.exit(1)
    await bench.recorder.wait_for("exit")
    await job.settled()
    shown = [process.info(), job.info(), job.status(), process.argv, process.warnings]
    shown += [event.to_dict() for event in bench.recorder.events]
    assert "hunter2" not in str(shown)
    assert process.argv == ["serve", "--token", "$SECRET"]


async def test_closed_plugin_reads_no_file(bench):
    await bench.kernel.plugins.close("env")
    environ = await bench.start(bench.write("a.env", "A=1\n"))
    assert "A" not in environ


# user_env


async def test_user_env_without_uid_is_that_of_gafferd(bench):
    entry = pwd.getpwuid(os.geteuid())
    environ = await bench.start(user_env=True)
    assert (
        environ.items()
        >= {
            "HOME": entry.pw_dir,
            "USER": entry.pw_name,
            "LOGNAME": entry.pw_name,
            "SHELL": entry.pw_shell,
        }.items()
    )


async def test_user_env_is_below_the_files(bench):
    path = bench.write("a.env", "HOME=/file\nMINE=${USER}\n")
    environ = await bench.start(path, user_env=True)
    assert environ["HOME"] == "/file"
    assert environ["MINE"] == environ["USER"]


async def test_user_env_of_a_named_user(bench):
    root = pwd.getpwuid(0)
    for uid in (0, "root"):
        environ = await bench.start(user_env=True, uid=uid, name=f"of-{type(uid).__name__}")
        assert (environ["HOME"], environ["USER"]) == (root.pw_dir, "root")


async def test_user_env_of_an_unknown_user_is_an_error(bench):
    reason = "user_env: user 4000000000 has no entry of its own"
    assert await bench.error(user_env=True, uid=4_000_000_000, gid=5) == ("bad_user", reason)


async def test_nothing_is_set_by_default(bench):
    assert "HOME" not in await bench.start()
