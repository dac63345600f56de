from pathlib import Path

import pytest

from gaffer_kernel.config import Config
from gaffer_kernel.errors import ConfigError, Conflict, InvalidField
from gaffer_kernel.jobs.config import JobConfig


def names(config: Config) -> list[str]:
    return [job.name for _, job in config.jobs()]


def test_an_empty_configuration_has_no_sections_and_jobs():
    config = Config()

    assert config.path is None
    assert config.files == config.sections() == config.jobs() == []
    assert config.options == {}
    assert config.section("gaffer") is None
    config.check_owned()


def test_read_reads_a_file(tmp_path):
    path = tmp_path / "gaffer.ini"
    path.write_text("[process:web]\ncmd = run\n")
    config = Config.read(str(path))

    assert config.path == path
    assert config.files == [path]
    assert names(config) == ["web"]


def test_from_string_has_no_path():
    config = Config.from_string("[process:web]\ncmd = run\n")

    assert config.path is None
    assert config.files == []


def test_an_error_in_a_text_names_the_given_path():
    with pytest.raises(ConfigError, match=r"^<string>:1: "):
        Config.from_string("x = 1")
    with pytest.raises(ConfigError, match=r"^here:1: "):
        Config.from_string("x = 1", "here")


def test_sections_are_returned_by_name_and_prefix():
    config = Config.from_string("[webhooks]\na = b\n[endpoint:x]\nbind = y\n[endpoint:z]\n")

    assert config.sections() == ["webhooks", "endpoint:x", "endpoint:z"]
    assert config.get("webhooks", "a") == "b"
    assert config.get("webhooks", "c") is None
    assert config.get("webhooks", "c", "d") == "d"
    assert config.get("nothing", "c", "d") == "d"
    assert list(config.prefixed("endpoint:")) == ["x", "z"]
    assert config.prefixed("endpoint:")["x"].get("bind") == "y"


def test_jobs_are_in_the_order_of_priority_then_of_the_file():
    keys = {"c": "", "b": "priority = 2", "z": "priority = 0", "a": "", "y": "priority = 0"}
    text = "".join(f"[process:{name}]\ncmd = run\n{key}\n" for name, key in keys.items())

    assert names(Config.from_string(text)) == ["z", "y", "b", "c", "a"]


def test_plugins_add_jobs():
    config = Config.from_string("[process:web]\ncmd = run\n")
    config.add_job(JobConfig(name="worker", cmd="run"))
    config.add_job(JobConfig(name="first", cmd="run", priority=0), session="site")

    assert [(session, job.name) for session, job in config.jobs()] == [
        ("site", "first"), ("default", "web"), ("default", "worker")
    ]  # fmt: skip


def test_adding_a_job_twice_is_an_error():
    config = Config()
    config.add_job(JobConfig(name="web", cmd="run"))
    config.add_job(JobConfig(name="web", cmd="run"), session="site")

    with pytest.raises(Conflict, match=r"job 'site\.web' already exists"):
        config.add_job(JobConfig(name="web", cmd="other"), session="site")
    with pytest.raises(InvalidField):
        config.add_job(JobConfig(name="web", cmd="other"), session="a b")


def test_the_same_text_gives_equal_jobs():
    text = "[process:a]\ncmd = run\nargs = x\nflapping = 2\n[env:a]\nport = 80\n"

    assert Config.from_string(text).jobs() == Config.from_string(f"; moved\n{text}").jobs()


def test_the_example_is_accepted():
    example = Path(__file__).parent.parent.parent / "examples" / "gaffer.ini"
    config = Config.read(example)
    config.check_owned(["endpoint:", "gaffer.http_endpoints"])

    assert names(config) == ["dummy", "echo"]
