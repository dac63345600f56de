from pathlib import Path

import pytest

from gaffer_kernel.config import Config
from gaffer_kernel.errors import ConfigError

MISSING = "No such file or directory"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write files from a mapping of names to texts, into the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(**files: str) -> None:
        for name, text in files.items():
            path = Path(name.replace("__", "/") + ".ini")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


def job(name: str) -> str:
    return f"[process:{name}]\ncmd = {name}\n"


def read() -> list[str]:
    return [job.name for _, job in Config.read("main.ini").jobs()]


def get_error() -> str:
    with pytest.raises(ConfigError) as caught:
        Config.read("main.ini")
    return str(caught.value)


def test_paths_are_relative_to_the_including_file(write):
    write(
        main="[gaffer]\ninclude = conf/one.ini\n" + job("main"),
        conf__one="[gaffer]\ninclude = two.ini\n" + job("one"),
        conf__two=job("two"),
    )

    assert read() == ["main", "one", "two"]
    assert Config.read("main.ini").files == [
        Path("main.ini"), Path("conf/one.ini"), Path("conf/two.ini")
    ]  # fmt: skip


def test_patterns_are_sorted_and_exclude_their_own_file(write):
    write(main="[gaffer]\ninclude = *.ini\n" + job("main"), b=job("b"), a=job("a"))

    assert read() == ["main", "a", "b"]


def test_include_dir_reads_subfolders(write):
    write(
        main="[gaffer]\ninclude_dir = .\n" + job("main"),
        b=job("b"),
        a__c=job("c"),
        a__d__e=job("e"),
        a__f=job("f"),
    )
    Path(".hidden.ini").write_text("not an ini file")
    Path("notes.txt").write_text("not an ini file")
    Path(".git").mkdir()
    Path(".git/x.ini").write_text("not an ini file")

    assert read() == ["main", "c", "e", "f", "b"]


def test_include_dir_can_be_empty(write):
    write(main="[gaffer]\ninclude_dir = jobs\n" + job("main"))
    Path("jobs").mkdir()

    assert read() == ["main"]


def test_the_section_gaffer_can_be_in_several_files(write):
    write(
        main="[gaffer]\ninclude = a.ini\nplugin_dir = p\n",
        a="[gaffer]\npidfile = x.pid\n",
    )
    config = Config.read("main.ini")

    assert config.get("gaffer", "plugin_dir") == "p"
    assert config.get("gaffer", "pidfile") == "x.pid"


def test_a_key_of_gaffer_in_two_files_is_an_error(write):
    write(main="[gaffer]\ninclude = a.ini\npidfile = x\n", a="[gaffer]\npidfile = x.pid\n")

    assert get_error() == "a.ini:2: [gaffer] pidfile: is already set at main.ini:3"


def test_a_section_in_two_files_is_an_error(write):
    write(main="[gaffer]\ninclude = a.ini\n" + job("web"), a="\n" + job("web"))

    assert get_error() == "a.ini:2: [process:web] duplicate section, the first is main.ini:3"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("include = no.ini", f"include: no.ini: cannot be read: {MISSING}"),
        ("include = no/*.ini", "include: no file matches 'no/*.ini'"),
        ("include = jobs", "include: jobs: cannot be read: Is a directory"),
        ("include_dir = no", f"include_dir: no cannot be read: {MISSING}"),
        (
            "include_dir = ~no-such-user/x",
            f"include_dir: ~no-such-user/x cannot be read: {MISSING}",
        ),
        ("include = ~no-such-user/x", f"include: ~no-such-user/x: cannot be read: {MISSING}"),
        ("include_dir = main.ini", "include_dir: main.ini cannot be read: Not a directory"),
    ],
)
def test_a_failed_include_is_named_with_its_line(write, line, message):
    write(main=f"[gaffer]\n{line}\n")
    Path("jobs").mkdir()

    assert get_error() == f"main.ini:2: [gaffer] {message}"


def test_an_error_in_an_included_file_names_that_file(write):
    write(main="[gaffer]\ninclude = a.ini\n", a="[b]\nfoo\n")

    assert get_error().startswith("a.ini:2: neither a [section]")


def test_an_include_cycle_is_an_error(write):
    write(
        main="[gaffer]\ninclude = a.ini\n",
        a="[gaffer]\ninclude = b.ini\n",
        b=";\n[gaffer]\ninclude = a.ini\n",
    )

    assert get_error() == (
        "b.ini:3: [gaffer] include: the files include each other: "
        "main.ini -> a.ini -> b.ini -> a.ini"
    )


def test_a_file_that_includes_itself_is_an_error(write):
    write(main="[gaffer]\ninclude = ./main.ini\n")

    assert "main.ini -> main.ini" in get_error()


def test_an_include_cycle_through_a_symbolic_link_is_an_error(write):
    write(main="[gaffer]\ninclude = a.ini\n")
    Path("a.ini").symlink_to("main.ini")

    assert "main.ini -> a.ini" in get_error()


def test_including_a_file_twice_is_an_error(write):
    write(main="[gaffer]\ninclude = a.ini a.ini\n", a=job("a"))

    assert get_error() == "main.ini:2: [gaffer] include: a.ini is included twice"


def test_a_text_includes_relative_to_its_path(write, tmp_path):
    write(conf__a=job("a"))
    config = Config.from_string("[gaffer]\ninclude = a.ini\n", tmp_path / "conf" / "x.ini")

    assert [job.name for _, job in config.jobs()] == ["a"]


def test_a_tilde_in_include_is_expanded(write, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    write(main="[gaffer]\ninclude = ~/a.ini ~/b*.ini\ninclude_dir = ~/jobs\n")
    write(home__a=job("a"), home__b1=job("b"), home__jobs__c=job("c"))

    assert read() == ["a", "b", "c"]
