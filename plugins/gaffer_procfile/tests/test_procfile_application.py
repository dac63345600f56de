"""Tests of applications: types, ports, jobs."""

from dataclasses import replace

import pytest
from gaffer_kernel.errors import ConfigError

from gaffer_procfile import Application
from gaffer_procfile.application import get_app_name
from gaffer_procfile.ports import find_taken_ports, get_process_url

TWO = "web: serve\nworker: work\n"


def test_each_type_becomes_a_job(application):
    app = application(TWO, env="A=1\n")
    web, worker = app.jobs()
    assert (web.name, web.cmd, web.shell, web.cwd) == ("web", "serve", True, str(app.root))
    assert (web.numprocesses, web.priority, worker.priority) == (1, 0, 1)
    assert web.redirect_output == ("out", "out")
    assert web.env["A"] == "1"


def test_ports_of_types_and_processes(application):
    app = application(TWO, concurrency={"worker": 2})
    assert [
        (each.type.name, each.number, each.env["PORT"])
        for kind in app.types()
        for each in kind.instances()
    ] == [("web", 1, "5000"), ("worker", 1, "5100"), ("worker", 2, "5101")]


def test_port_variable_sets_first_port(application):
    assert [job.port for job in application(TWO, env="PORT=80").jobs()] == [80, 180]


def ports(app):
    return {each.name: each.port for each in app.types()}


def test_types_skip_a_hundred_with_a_reserved_port(application):
    app = application(f"release: migrate\n{TWO}", concurrency={"web": 0})
    moved = replace(app, reserved_ports={5000, 5199})
    assert ports(moved) == {"web": 5200, "worker": 5300, "release": 5400}
    assert ports(replace(app, reserved_ports={5200, 4999})) == ports(app) | {"release": 5300}


def test_types_skip_a_hundred_with_a_used_port_of_their_own(application):
    app = application(TWO, concurrency={"web": 2})
    assert ports(replace(app, used_ports={5001})) == {"web": 5100, "worker": 5200}
    assert ports(replace(app, used_ports={5002, 5101})) == {"web": 5000, "worker": 5100}


def test_first_type_keeps_a_port_that_is_set(application):
    app = application(TWO, env="PORT=7000", concurrency={"web": 2})
    app = replace(app, reserved_ports={7001, 7150}, used_ports={7000})
    assert ports(app) == {"web": 7000, "worker": 7200}
    assert list(find_taken_ports(app, {7001, 7002, 7200})) == [("web.2", 7001), ("worker.1", 7200)]


def test_ports_end_with_the_highest_one(application):
    app = replace(application(TWO, env="PORT=65400"), used_ports={65500})
    with pytest.raises(ConfigError, match=r"PORT 65400 is too high: worker\.1 would get 65600"):
        app.types()


@pytest.mark.parametrize(
    ("name", "cmd", "number", "url"),
    [
        ("web", "serve", 1, "http://127.0.0.1:5100"),
        ("web", "serve", 3, "http://127.0.0.1:5102"),
        ("api", "serve --port ${PORT:-80}", 1, "http://127.0.0.1:5100"),
        ("api", "serve $PORTS", 1, None),
        ("worker", "work", 1, None),
        ("web", "serve", 0, None),
    ],
)
def test_url_of_a_process_that_serves(name, cmd, number, url):
    assert get_process_url(name, cmd, 5100, number) == url
    assert get_process_url(name, cmd, None, number) is None


def test_url_of_a_process_on_another_host():
    assert get_process_url("web", "serve", 80, 1, "fe80::1") == "http://[fe80::1]:80"


def test_release_takes_no_port_from_the_other_types(application):
    app = application(f"release: migrate\n{TWO}")
    found = [(each.name, each.port, each.index) for each in app.types()]
    assert found == [("release", 5200, 0), ("web", 5000, 1), ("worker", 5100, 2)]


@pytest.mark.parametrize("port", ["x", "0", "70000", "-1", "''", "9" * 5000])
def test_invalid_port_is_refused(application, port):
    with pytest.raises(ConfigError, match="PORT must be a number"):
        application(TWO, env=f"PORT={port}")


def test_port_above_65535_is_refused(application):
    app = application(TWO, env="PORT=65435", concurrency={"worker": 1})
    assert [each.port for each in app.types()] == [65435, 65535]
    with pytest.raises(ConfigError, match=r"PORT 65435 is too high: worker\.2 would get 65536"):
        application(TWO, env="PORT=65435", concurrency={"worker": 2})


def test_all_counts_for_types_not_named(application):
    app = application(TWO, concurrency={"all": 0, "web": 3})
    assert [each.count for each in app.types()] == [3, 0]


def test_release_has_no_process_unless_named(application):
    def counts(app):
        return {each.name: each.count for each in app.types()}

    text = "web: serve\nrelease: migrate\n"
    app = application(text)
    assert counts(app) == {"web": 1, "release": 0}
    assert counts(app.only("release")) == {"release": 1}
    assert counts(application(text, concurrency={"all": 2})) == {"web": 2, "release": 0}
    assert counts(application(text, concurrency={"release": 1})) == {"web": 1, "release": 1}


def test_concurrency_of_unknown_type_is_refused(application):
    with pytest.raises(ConfigError, match=r"Procfile: concurrency: no type 'wen' here, .* web"):
        application(TWO, concurrency={"wen": 1})


def test_env_files_override_default_env_file(application, tmp_path):
    (tmp_path / "more").write_text("B=2\n")
    assert application(TWO, env="A=1\nB=1\n", env_files=[tmp_path / "more"]).env == {
        "A": "1",
        "B": "2",
    }
    with pytest.raises(ConfigError, match="none: cannot be read"):
        application(TWO, env_files=[tmp_path / "none"])


def test_root_can_be_another_folder(application, tmp_path):
    (tmp_path / ".env").write_text("A=root\n")
    app = application(TWO, env="A=beside\n", root=tmp_path)
    assert (app.root, app.env["A"], app.name) == (tmp_path, "root", get_app_name(tmp_path))


def test_single_type_keeps_its_port(application):
    app = application(TWO, concurrency={"worker": 2}).only("worker")
    [job] = app.jobs()
    assert (job.name, job.port, job.numprocesses) == ("worker", 5100, 2)
    with pytest.raises(ConfigError, match="no type 'x'"):
        app.only("x")


def test_special_variables_configure_jobs(application):
    app = application(TWO, env="GAFFER_UID=nobody\nGAFFER_GID=33\nGAFFER_REDIRECT_INPUT=worker\n")
    web, worker = app.jobs()
    assert (web.uid, web.gid) == ("nobody", 33)
    assert (web.redirect_input, worker.redirect_input) == (False, True)
    assert not {"GAFFER_UID", "GAFFER_GID", "GAFFER_REDIRECT_INPUT"} & set(web.env)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("myapp", "myapp"),
        ("My App", "My-App"),
        ("shop.example.org", "shop-example-org"),
        ("-x-", "x"),
        ("äö", "app"),
        ("a+b", "a+b"),
    ],
)
def test_name_is_made_from_folder(application, folder, name):
    assert application(TWO, folder=folder).name == name


def test_name_of_current_folder(application, monkeypatch):
    monkeypatch.chdir(application(TWO).root)
    assert Application.read().name == "shop"
    assert Application.read("./Procfile").name == "shop"


def test_invalid_job_names_its_line(application):
    with pytest.raises(ConfigError, match="Procfile:2: "):
        application(f"web: serve\nworker: {'x' * 200_000}\n").jobs()
