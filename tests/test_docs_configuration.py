"""Test that docs/configuration.md is complete, and that its examples work."""

import json
import re
from pathlib import Path

import pytest
from gaffer_env.options import EnvOptions
from gaffer_limits.options import LimitOptions

from gaffer_kernel import names
from gaffer_kernel.config import Config
from gaffer_kernel.config.job_sections import CONVERT
from gaffer_kernel.config.ownership import KERNEL, WELL_KNOWN
from gaffer_kernel.errors import ConfigError
from gaffer_kernel.jobs import fields
from gaffer_kernel.jobs.config import KERNEL_KEYS, JobConfig
from gaffer_kernel.jobs.options import collect_declarations
from gaffer_kernel.jobs.restart import backoff

DOCS = Path(__file__).parent.parent / "docs"
PAGE = (DOCS / "configuration.md").read_text()
PLUGINS = {"env": EnvOptions, "limits": LimitOptions}
OPTIONS, _ = collect_declarations(PLUGINS.items(), KERNEL_KEYS)
GAFFER = {name.removeprefix("gaffer.") for name in KERNEL if name.startswith("gaffer.")}
ALIASES = {"plugins_dir"}
"""Keys that need no example, because they mean the same as another one."""

SUPERVISORS = ("supervisord", "circus", "pm2", "systemd", "process-compose")
NOTHING = {"no", "not yet", "not needed"}
"""Texts in place of a key that gaffer does not have."""

ONLY_IN_JSON = {"name", "env", "custom_channels", "options"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def rows(heading: str) -> list[list[str]]:
    """Return the rows of the table below a heading, as cells; without those of subsections."""
    _, found, rest = PAGE.partition(f"\n{heading}\n")
    assert found, heading
    section = re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def spans(cell: str) -> list[str]:
    """Return what a cell has in backquotes."""
    return re.findall("`([^`]*)`", cell)


def keys(heading: str) -> dict[str, list[str]]:
    """Return the rows of a table by the keys in their first cells."""
    return {key: row for row in rows(heading) for key in spans(row[0])}


def read(text: str, path: Path | None = None) -> Config:
    """Return the configuration in a text, with the keys of all plugins of the page."""
    config = Config.from_string(text, path or "gaffer.ini")
    config.job_options = OPTIONS
    return config


JOB_KEYS = keys("## [process:NAME]")
OPTION_KEYS = {
    "env": keys("### Keys of gaffer-env"),
    "limits": keys("### Keys of gaffer-limits"),
}


@pytest.fixture(autouse=True)
def control_groups(monkeypatch):
    """Let every job have a control group, whatever this machine offers."""
    monkeypatch.setattr("gaffer_limits.options.find_problem", lambda controller: None)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "extra.ini").write_text("[process:extra]\ncmd = true\n")
    for name in ("conf", "jobs.d"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.ini").write_text(f"[process:{name[:4]}]\ncmd = true\n")
    return tmp_path


@pytest.mark.parametrize("text", blocks("ini"))
def test_ini_blocks_are_accepted(text, folder):
    config = read(text, folder / "gaffer.ini")

    config.check_owned()

    assert config.jobs()


@pytest.mark.parametrize("text", blocks("json"))
def test_json_blocks_are_accepted(text):
    assert JobConfig.from_dict(json.loads(text))


def test_keys_of_jobs_are_documented():
    assert set(JOB_KEYS) == set(CONVERT)
    assert set(CONVERT) | ONLY_IN_JSON == set(JobConfig.__struct_fields__)
    assert all(f"`{key}`" in PAGE for key in ONLY_IN_JSON)


@pytest.mark.parametrize("key", sorted(set(CONVERT) - {"cmd", "priority"}))
def test_documented_default_is_the_default(key):
    documented = JOB_KEYS[key][2].strip("`").replace("none", "")
    config = Config.from_string(f"[process:a]\ncmd = true\n{key} = {documented}\n")

    assert config.jobs() == [("default", JobConfig(name="a", cmd="true"))]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_keys_of_plugins_are_documented(plugin):
    assert set(OPTION_KEYS[plugin]) == set(PLUGINS[plugin].__struct_fields__)


@pytest.mark.parametrize("plugin", PLUGINS)
def test_documented_default_of_a_plugin_is_the_default(plugin):
    defaults = PLUGINS[plugin]()
    values = {"none": (None, ()), "`false`": (False,), "`true` with a `uid`": (None,)}

    for key, row in OPTION_KEYS[plugin].items():
        expected = values.get(row[2]) or (float(row[2].strip("`")),)
        assert getattr(defaults, key) in expected, key


def test_every_key_has_an_example():
    examples = "".join(blocks("ini"))
    written = set(re.findall(r"^(\w+) =", examples, re.MULTILINE))

    assert {*CONVERT, *GAFFER, *OPTION_KEYS["env"], *OPTION_KEYS["limits"]} - written == ALIASES


def test_keys_of_gaffer_are_documented():
    assert set(keys("## [gaffer]")) == GAFFER
    assert all(
        f"## [{name}NAME]" in PAGE or f"`[{name}NAME]`" in PAGE for name in KERNEL if ":" in name
    )


def test_documented_limits_are_the_limits():
    for limit in (
        fields.MAX_TEXT,
        fields.MAX_ARGV,
        fields.MAX_WORDS,
        fields.MAX_VARIABLES,
        fields.MAX_STREAMS,
        fields.MAX_PROCESSES,
        names.MAX_NAME,
    ):
        assert re.search(rf"\| [^|]*\b{limit}\b", PAGE)


def test_shown_error_is_the_message():
    text = "\n" * 9 + "[process:web]\ncmd = x\nnumproceses = 2\n"

    with pytest.raises(ConfigError) as caught:
        Config.from_string(text, "gaffer.ini").jobs()

    assert blocks("text") == [f"{caught.value}\n"]


@pytest.mark.parametrize("supervisor", SUPERVISORS)
def test_key_in_the_table_of_a_supervisor_exists(supervisor):
    table = rows(f"### {supervisor}")

    for there, here, remarks in table:
        assert spans(there)
        if here in NOTHING:
            continue
        assert re.fullmatch(r"`[^`]+`(, `[^`]+`)*", here), here
        for name in spans(here):
            check_exists(name)
        # A key with a value in the remarks is one of gaffer, and so is a command.
        for name in spans(remarks):
            if re.match(r"\w+ =|gafferctl ", name):
                check_exists(name)
    assert table


def check_exists(name):
    """Check a section, a variable, a command, a key, or a key with a value."""
    if name.startswith("["):
        prefix = re.fullmatch(r"\[(\w+:?).*\]", name)[1]
        assert prefix in {*KERNEL, *WELL_KNOWN}, name
    elif name.startswith("$"):
        assert name == "$NAME" or f"`{name[1:]}`" in PAGE, name
    elif name.startswith("gafferctl "):
        verb = name.split()[1]
        assert f"### gafferctl {verb}\n" in (DOCS / "commands.md").read_text(), name
    elif " =" in name:
        assert read(f"[process:a]\ncmd = true\n{name}\n").jobs(), name
    else:
        assert name in {*CONVERT, *GAFFER, *(option.key for option in OPTIONS)}, name


def test_constant_delay_is_the_same_value_twice():
    [(_, job)] = read(
        "[process:a]\ncmd = true\nrestart_delay = 20\nrestart_delay_max = 20\n"
    ).jobs()

    assert {round(backoff(restarts, job, 0.5), 6) for restarts in (1, 2, 9)} == {20}
