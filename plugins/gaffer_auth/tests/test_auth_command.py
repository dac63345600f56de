"""The command gaffer-auth: what it prints where, what it changes, and how it ends."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from gaffer_auth.command import main
from gaffer_auth.derivation import derived_secret
from gaffer_auth.entries import hashed, is_secret
from gaffer_auth.reading import read_store
from gaffer_auth.timestamps import expiry, now

SECRET = re.compile(r"gfr_[A-Za-z0-9_-]{43}\n")
VERBS = ("token", "certificate", "list", "revoke")


def one_line(result, status=1):
    assert (result.returncode, result.stdout) == (status, "")
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("gaffer-auth: ")
    return result.stderr.removeprefix("gaffer-auth: ").removesuffix("\n")


# Tokens


def test_a_token_is_printed_and_nothing_else(home):
    result = home.run("token", "ci")
    assert SECRET.fullmatch(result.stdout)
    assert result.stderr.startswith("token ci: read in every session, until it is revoked.\n")
    assert result.stdout.strip() not in result.stderr


def test_of_a_token_only_the_hash_is_kept(home):
    secret = home.token("ci")
    text = home.file.read_text()
    assert hashed(secret) in text
    assert secret not in text
    assert secret.removeprefix("gfr_") not in text
    shown = home.done("list") + home.done("list", "--json")
    assert secret not in shown
    assert hashed(secret) not in shown


def test_no_two_tokens_are_alike(home):
    assert home.token("a") != home.token("b")


def test_the_file_and_its_folder_are_for_their_owner_alone(home):
    home.token("ci")
    assert home.file.stat().st_mode & 0o777 == 0o600
    assert home.file.parent.stat().st_mode & 0o777 == 0o700


def test_a_token_has_what_was_asked_for(home):
    home.token("ci", "--right", "manage", *("--session", "web") * 2, "--session", "db")
    [entry] = read_store(home.file)
    assert (entry.name, entry.right, entry.sessions) == ("ci", "manage", ("web", "db"))
    assert entry.expires is None
    assert abs(entry.created - datetime.now(UTC)) < timedelta(seconds=30)


def test_a_token_may_expire(home):
    home.token("ci", "--expires", "30d")
    [entry] = read_store(home.file)
    assert entry.expires - entry.created == timedelta(days=30)


def test_a_name_is_given_once(home):
    secret = home.token("ci")
    assert "ci is there already" in one_line(home.run("token", "ci", "--right", "manage"))
    [entry] = read_store(home.file)
    assert (entry.right, entry.sha256) == ("read", hashed(secret))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="nowhere to write to in vain")
def test_a_secret_that_cannot_be_printed_is_said(home):
    with open("/dev/full", "w") as full:
        result = home.run("token", "ci", stdout=full)
    assert result.returncode == 1
    assert result.stderr == (
        "gaffer-auth: standard output: No space left on device;"
        " nobody can use token ci: revoke it\n"
    )


def test_a_token_could_be_known_on_one_machine_only(home):
    secret = home.token("ci", "--right", "manage")
    (home.folder / "ci.token").write_text(f"{secret}\n")
    elsewhere = home.folder / "elsewhere.json"
    arguments = ("token", "ops", "--file", elsewhere, "--secret-file", home.folder / "ci.token")
    result = home.run(*arguments)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "token ops: read in every session, until it is revoked.\n"
    [entry] = read_store(elsewhere)
    assert (entry.name, entry.sha256) == ("ops", hashed(secret))
    line = one_line(home.run(*arguments[:1], "twice", *arguments[2:]))
    assert line == "this secret is known already, as ops: revoke that"


@pytest.mark.parametrize("text", ["", "gfr_wrong", "password", "gfr_" + "\u00e9" * 43])
def test_a_file_without_a_secret_is_no_token(home, text):
    (home.folder / "secret").write_text(text)
    line = one_line(home.run("token", "ci", "--secret-file", home.folder / "secret"))
    assert line.startswith(f"{home.folder}/secret holds no secret of a token")
    assert not home.file.exists()
    line = one_line(home.run("token", "ci", "--secret-file", home.folder / "nosuch"))
    assert line == f"{home.folder}/nosuch: No such file or directory"


# Certificates


def test_a_certificate_is_known_by_its_subject(home):
    result = home.run("certificate", "ops", "--subject", "ops@example.org", "--right", "write")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "certificate ops: write in every session, until it is revoked.\n"
    [entry] = read_store(home.file)
    assert (entry.name, entry.subject, entry.right) == ("ops", "ops@example.org", "write")


def test_a_subject_is_given_once(home):
    home.done("certificate", "ops", "--subject", "x")
    line = one_line(home.run("certificate", "two", "--subject", "x"))
    assert line == "x is known already, as ops: revoke that"


# The list


def test_the_list(home):
    home.token("ci", "--session", "web", "--session", "db", "--expires", "2099-12-31")
    home.done("certificate", "ops", "--subject", "ops@example.org", "--right", "manage")
    titles, ci, ops = (re.split("  +", line) for line in home.done("list").splitlines())
    assert titles == ["NAME", "KIND", "RIGHT", "SESSIONS", "CREATED", "EXPIRES", "NODE", "SUBJECT"]
    assert ci[:4] == ["ci", "token", "read", "web,db"]
    assert ci[5:] == ["2100-01-01T00:00:00Z", "-", "-"]
    assert ops[:4] == ["ops", "certificate", "manage", "all"]
    assert ops[5:] == ["never", "-", "ops@example.org"]


def test_the_list_for_programs(home):
    home.token("ci", "--session", "web", "--expires", "2099-12-31")
    [entry] = json.loads(home.done("list", "--json"))
    created = entry.pop("created")
    assert datetime.fromisoformat(created).tzinfo is not None
    assert entry == {
        "name": "ci",
        "kind": "token",
        "right": "read",
        "sessions": ["web"],
        "expires": "2100-01-01T00:00:00Z",
        "subject": None,
        "node": None,
        "origin": None,
    }


def test_what_a_token_is_bound_to(home):
    origin = "https://web1.example.org:5443"
    home.token("n1", "--right", "write", "--node", "web1", "--origin", origin)
    done = home.run("token", "n2", "--right", "write", "--origin", origin)
    assert f"token n2: write in every session, as node n2 at {origin}, until" in done.stderr
    n1, n2 = json.loads(home.done("list", "--json"))
    assert (n1["node"], n1["origin"]) == ("web1", origin)
    assert (n2["node"], n2["origin"]) == (None, origin)
    assert f"web1 {origin}" in home.done("list")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--node", "a@b"),
        ("--node", ""),
        ("--origin", "web1"),
        ("--origin", "https://web1"),
        ("--origin", "https://web1:99999"),
        ("--origin", "https://web1:5443/"),
        ("--derive-for", "http://web1:5443"),
        ("--derive-for", "web1"),
    ],
)
def test_what_names_no_node_is_wrong_usage(home, arguments):
    done = home.run("token", "n1", *arguments)
    assert done.returncode == 2
    assert f"argument {arguments[0]}: " in done.stderr
    assert not home.file.exists()


def test_a_derived_secret_alone_is_known(home):
    origin = "https://web1.example.org:5443"
    secret = home.done("token", "ops", "--derive-for", origin)
    assert is_secret(secret)
    [entry] = read_store(home.file)
    derived = derived_secret(secret, origin)
    assert entry.sha256 == hashed(derived)
    file = home.folder / "ops.token"
    file.write_text(secret)
    assert home.done("derive", "--secret-file", file, origin) == derived
    home.done("revoke", "ops")
    assert home.done("token", "ops", "--secret-file", file, "--derive-for", origin) == ""
    assert [each.sha256 for each in read_store(home.file)] == [hashed(derived)]


def test_what_has_expired_is_marked(home):
    home.token("ci", "--expires", "2099-12-31")
    text = home.file.read_text()
    home.file.write_text(text.replace("2100-01-01", "2020-01-01"))
    assert "2020-01-01T00:00:00Z (expired)" in home.done("list")


def test_an_empty_list(home):
    result = home.run("list")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.endswith("there is nobody yet: gaffer-auth token NAME\n")
    assert home.done("list", "--json") == "[]"
    assert not home.file.exists()


# Revoking


def test_what_is_revoked_is_gone(home):
    for name in "abc":
        home.token(name)
    home.done("revoke", "a", "c")
    assert [each.name for each in read_store(home.file)] == ["b"]


def test_revoking_what_is_not_there_fails_and_the_rest_is_revoked(home):
    home.token("a")
    assert one_line(home.run("revoke", "x", "a", "y")) == f"{home.file}: there is no x, y"
    assert read_store(home.file) == ()
    home.file.unlink()
    assert one_line(home.run("revoke", "x")) == f"{home.file}: there is no x"
    assert not home.file.exists()


# The file


@pytest.mark.parametrize("before", [True, False])
def test_another_file_is_named_before_or_behind_the_verb(home, before):
    other = home.folder / "other.json"
    place = ("--file", other)
    home.done(*(place if before else ()), "token", "ci", *(() if before else place))
    assert [each.name for each in read_store(other)] == ["ci"]
    assert not home.file.exists()


def test_the_environment_names_a_file(home):
    other = home.folder / "other.json"
    assert home.run("token", "ci", env={**home.environ, "GAFFER_AUTH_FILE": other}).returncode == 0
    assert [each.name for each in read_store(other)] == ["ci"]
    assert home.run("token", "a", env={**home.environ, "GAFFER_AUTH_FILE": ""}).returncode == 0
    assert [each.name for each in read_store(home.file)] == ["a"]


@pytest.mark.parametrize("verb", VERBS)
def test_a_file_that_must_not_be_used_is_one_line(home, verb):
    home.token("ci")
    home.file.chmod(0o644)
    more = {"list": (), "certificate": ("x", "--subject", "x")}.get(verb, ("x",))
    assert one_line(home.run(verb, *more)) == (
        f"{home.file}: is open to other users: chmod 600 {home.file}"
    )


def test_a_folder_that_is_missing_is_one_line(home):
    place = home.folder / "none" / "auth.json"
    assert one_line(home.run("token", "ci", "--file", place)).endswith(
        f"there is no folder {place.parent}"
    )


# Usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "VERB"),
        (("tokn",), "invalid choice: 'tokn'"),
        (("token",), "NAME"),
        (("token", "a b"), "a name is made of letters, digits"),
        (("token", "a", "--right", "admin"), "invalid choice: 'admin'"),
        (("token", "a", "--session", "a b"), "a session is made of letters, digits"),
        (("token", "a", "--expires", "soon"), "'soon' is neither a time from now like 12h"),
        (("token", "a", "--expires", "2020-12-31"), "2020-12-31 is over"),
        (("token", "a", "--exp", "1d"), "unrecognized arguments"),
        (("token", "a", "--file", ""), "--file: is empty"),
        (("certificate", "a"), "--subject"),
        (("certificate", "a", "--subject", "a\nb"), "no name that a certificate could carry"),
        (("revoke",), "NAME"),
    ],
)
def test_wrong_usage_has_status_2_and_changes_nothing(home, arguments, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
    assert not home.file.exists()


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_there_is_help(home, verb):
    text = home.done(*verb.split(), "--help")
    assert "--file PATH" in text
    if not verb:
        assert "gaffer-auth token ci --right manage --session web --expires 30d" in text


START = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("12h", START + timedelta(hours=12)),
        ("30d", START + timedelta(days=30)),
        ("2026-11-25", datetime(2026, 11, 26, tzinfo=UTC)),
        ("2026-12-31T12:00:00Z", datetime(2026, 12, 31, 12, tzinfo=UTC)),
        ("2026-12-31T12:00:00+02:00", datetime(2026, 12, 31, 10, tzinfo=UTC)),
    ],
)
def test_when_something_expires(text, moment):
    assert expiry(text, START) == moment


@pytest.mark.parametrize(
    "text",
    [
        *("", "0d", "-1d", "1", "1w", "9999999d", "٣d", "1d\n", "2026-13-01", "2026-11-24"),
        *("2026-12-31T12:00:00", "9999-12-31", "2026-11-25T12:00:00Z"),
    ],
)
def test_what_is_no_time_to_come(text):
    with pytest.raises(ValueError, match=r"is over|is neither"):
        expiry(text, START)


def test_a_time_is_a_whole_second_of_utc():
    assert (now().microsecond, now().tzinfo) == (0, UTC)


def test_it_starts_without_the_kernel_and_its_like():
    script = "import sys, gaffer_auth.command\n"
    script += "print(*{'trio', 'quart', 'gaffer_kernel', 'ssl', 'asyncio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")
