"""Test that docs/configuration.md is complete, and that its examples work."""

import json
import re
from pathlib import Path

import pytest

from gaffer_kernel import names
from gaffer_kernel.config import Config
from gaffer_kernel.config.job_sections import CONVERT
from gaffer_kernel.config.ownership import KERNEL
from gaffer_kernel.errors import ConfigError
from gaffer_kernel.jobs import fields
from gaffer_kernel.jobs.config import JobConfig

PAGE = (Path(__file__).parent.parent / "docs" / "configuration.md").read_text()
ONLY_IN_JSON = {"name", "env", "custom_channels", "options"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def rows(columns: int) -> dict[str, list[str]]:
    """Return the rows of tables with that number of columns, by the key in the first column."""
    cells = (line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| `"))
    return {
        row[0].strip(" `"): [cell.strip() for cell in row] for row in cells if len(row) == columns
    }


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "extra.ini").write_text("[process:extra]\ncmd = true\n")
    for name in ("conf", "jobs.d"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.ini").write_text(f"[process:{name[:4]}]\ncmd = true\n")
    return tmp_path


@pytest.mark.parametrize("text", blocks("ini"))
def test_ini_blocks_are_accepted(text, folder):
    config = Config.from_string(text, folder / "gaffer.ini")

    config.check_owned()

    assert config.jobs()


@pytest.mark.parametrize("text", blocks("json"))
def test_json_blocks_are_accepted(text):
    assert JobConfig.from_dict(json.loads(text))


def test_keys_of_jobs_are_documented():
    assert set(rows(4)) == set(CONVERT)
    assert set(CONVERT) | ONLY_IN_JSON == set(JobConfig.__struct_fields__)
    assert all(f"`{key}`" in PAGE for key in ONLY_IN_JSON)


@pytest.mark.parametrize("key", sorted(set(CONVERT) - {"cmd", "priority"}))
def test_documented_default_is_the_default(key):
    documented = rows(4)[key][2].strip("`").replace("none", "")
    config = Config.from_string(f"[process:a]\ncmd = true\n{key} = {documented}\n")

    assert config.jobs() == [("default", JobConfig(name="a", cmd="true"))]


def test_keys_of_gaffer_are_documented():
    keys = {name.removeprefix("gaffer.") for name in KERNEL if name.startswith("gaffer.")}

    assert keys == {key for key, row in rows(2).items() if key != "numprocesses"}
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
