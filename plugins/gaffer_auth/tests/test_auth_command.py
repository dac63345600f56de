"""Tests of the command gaffer-auth: output, changes and exit status."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from gaffer_auth.command import main
from gaffer_auth.derivation import derive_secret
from gaffer_auth.entries import hash_secret, is_secret
from gaffer_auth.store_file import read_store
from gaffer_auth.timestamps import now, parse_expiry

SECRET = re.compile(r"gfr_[A-Za-z0-9_-]{43}\n")
VERBS = ("token", "certificate", "list", "revoke")


def one_line(result, status=1):
    assert (result.returncode, result.stdout) == (status, "")
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("gaffer-auth: ")
    return result.stderr.removeprefix("gaffer-auth: ").removesuffix("\n")


# Tokens


def test_token_prints_only_the_secret_to_stdout(home):
    result = home.run("token", "ci")
    assert SECRET.fullmatch(result.stdout)
    assert result.stderr.startswith("token ci: read in every session, until it is revoked.\n")
    assert result.stdout.strip() not in result.stderr


def test_file_has_only_the_hash_of_a_token(home):
    secret = home.token("ci")
    text = home.file.read_text()
    assert hash_secret(secret) in text
    assert secret not in text
    assert secret.removeprefix("gfr_") not in text
    shown = home.done("list") + home.done("list", "--json")
    assert secret not in shown
    assert hash_secret(secret) not in shown


def test_tokens_differ(home):
    assert home.token("a") != home.token("b")


def test_file_and_folder_are_private_to_owner(home):
    home.token("ci")
    assert home.file.stat().st_mode & 0o777 == 0o600
    assert home.file.parent.stat().st_mode & 0o777 == 0o700


def test_token_has_requested_right_and_sessions(home):
    home.token("ci", "--right", "manage", *("--session", "web") * 2, "--session", "db")
    [entry] = read_store(home.file)
    assert (entry.name, entry.right, entry.sessions) == ("ci", "manage", ("web", "db"))
    assert entry.expires is None
    assert abs(entry.created - datetime.now(UTC)) < timedelta(seconds=30)


def test_token_expires(home):
    home.token("ci", "--expires", "30d")
    [entry] = read_store(home.file)
    assert entry.expires - entry.created == timedelta(days=30)


def test_existing_name_is_refused(home):
    secret = home.token("ci")
    assert "ci: exists already" in one_line(home.run("token", "ci", "--right", "manage"))
    [entry] = read_store(home.file)
    assert (entry.right, entry.sha256) == ("read", hash_secret(secret))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
def test_unprintable_secret_is_an_error(home):
    with open("/dev/full", "w") as full:
        result = home.run("token", "ci", stdout=full)
    assert result.returncode == 1
    assert result.stderr == (
        "gaffer-auth: standard output: No space left on device: token ci is unusable: revoke it\n"
    )


def test_secret_of_another_machine_is_accepted(home):
    secret = home.token("ci", "--right", "manage")
    (home.folder / "ci.token").write_text(f"{secret}\n")
    elsewhere = home.folder / "elsewhere.json"
    arguments = ("token", "ops", "--file", elsewhere, "--secret-file", home.folder / "ci.token")
    result = home.run(*arguments)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "token ops: read in every session, until it is revoked.\n"
    [entry] = read_store(elsewhere)
    assert (entry.name, entry.sha256) == ("ops", hash_secret(secret))
    line = one_line(home.run(*arguments[:1], "twice", *arguments[2:]))
    assert line == "this secret: exists already, as ops: revoke that"


@pytest.mark.parametrize("text", ["", "gfr_wrong", "password", "gfr_" + "\u00e9" * 43])
def test_secret_file_without_secret_is_an_error(home, text):
    (home.folder / "secret").write_text(text)
    line = one_line(home.run("token", "ci", "--secret-file", home.folder / "secret"))
    assert line.startswith(f"{home.folder}/secret: not the secret of a token")
    assert not home.file.exists()
    line = one_line(home.run("token", "ci", "--secret-file", home.folder / "nosuch"))
    assert line == f"{home.folder}/nosuch: No such file or directory"


# Certificates


def test_certificate_is_stored_with_subject(home):
    result = home.run("certificate", "ops", "--subject", "ops@example.org", "--right", "write")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == "certificate ops: write in every session, until it is revoked.\n"
    [entry] = read_store(home.file)
    assert (entry.name, entry.subject, entry.right) == ("ops", "ops@example.org", "write")


def test_existing_subject_is_refused(home):
    home.done("certificate", "ops", "--subject", "x")
    line = one_line(home.run("certificate", "two", "--subject", "x"))
    assert line == "x: exists already, as ops: revoke that"


# The list


def test_list_prints_table(home):
    home.token("ci", "--session", "web", "--session", "db", "--expires", "2099-12-31")
    home.done("certificate", "ops", "--subject", "ops@example.org", "--right", "manage")
    titles, ci, ops = (re.split("  +", line) for line in home.done("list").splitlines())
    assert titles == ["NAME", "KIND", "RIGHT", "SESSIONS", "CREATED", "EXPIRES", "NODE", "SUBJECT"]
    assert ci[:4] == ["ci", "token", "read", "web,db"]
    assert ci[5:] == ["2100-01-01T00:00:00Z", "-", "-"]
    assert ops[:4] == ["ops", "certificate", "manage", "all"]
    assert ops[5:] == ["never", "-", "ops@example.org"]


def test_list_prints_json(home):
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


def test_node_and_origin_of_token_are_listed(home):
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
def test_invalid_node_or_origin_is_wrong_usage(home, arguments):
    done = home.run("token", "n1", *arguments)
    assert done.returncode == 2
    assert f"argument {arguments[0]}: " in done.stderr
    assert not home.file.exists()


def test_only_the_derived_secret_is_stored(home):
    origin = "https://web1.example.org:5443"
    secret = home.done("token", "ops", "--derive-for", origin)
    assert is_secret(secret)
    [entry] = read_store(home.file)
    derived = derive_secret(secret, origin)
    assert entry.sha256 == hash_secret(derived)
    file = home.folder / "ops.token"
    file.write_text(secret)
    assert home.done("derive", "--secret-file", file, origin) == derived
    home.done("revoke", "ops")
    assert home.done("token", "ops", "--secret-file", file, "--derive-for", origin) == ""
    assert [each.sha256 for each in read_store(home.file)] == [hash_secret(derived)]


def test_list_marks_expired_entries(home):
    home.token("ci", "--expires", "2099-12-31")
    text = home.file.read_text()
    home.file.write_text(text.replace("2100-01-01", "2020-01-01"))
    assert "2020-01-01T00:00:00Z (expired)" in home.done("list")


def test_list_without_entries(home):
    result = home.run("list")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr.endswith("no tokens or certificates yet: gaffer-auth token NAME\n")
    assert home.done("list", "--json") == "[]"
    assert not home.file.exists()


# Revoking


def test_revoke_removes_entries(home):
    for name in "abc":
        home.token(name)
    home.done("revoke", "a", "c")
    assert [each.name for each in read_store(home.file)] == ["b"]


def test_revoke_of_unknown_name_fails_and_removes_the_others(home):
    home.token("a")
    assert one_line(home.run("revoke", "x", "a", "y")) == f"{home.file}: no such name: x, y"
    assert read_store(home.file) == ()
    home.file.unlink()
    assert one_line(home.run("revoke", "x")) == f"{home.file}: no such name: x"
    assert not home.file.exists()


# The file


@pytest.mark.parametrize("before", [True, False])
def test_file_option_before_or_after_verb(home, before):
    other = home.folder / "other.json"
    place = ("--file", other)
    home.done(*(place if before else ()), "token", "ci", *(() if before else place))
    assert [each.name for each in read_store(other)] == ["ci"]
    assert not home.file.exists()


def test_environment_names_file(home):
    other = home.folder / "other.json"
    assert home.run("token", "ci", env={**home.environ, "GAFFER_AUTH_FILE": other}).returncode == 0
    assert [each.name for each in read_store(other)] == ["ci"]
    assert home.run("token", "a", env={**home.environ, "GAFFER_AUTH_FILE": ""}).returncode == 0
    assert [each.name for each in read_store(home.file)] == ["a"]


@pytest.mark.parametrize("verb", VERBS)
def test_unsafe_file_is_one_line(home, verb):
    home.token("ci")
    home.file.chmod(0o644)
    more = {"list": (), "certificate": ("x", "--subject", "x")}.get(verb, ("x",))
    assert one_line(home.run(verb, *more)) == (
        f"{home.file}: is accessible to other users: chmod 600 {home.file}"
    )


def test_missing_folder_is_one_line(home):
    place = home.folder / "none" / "auth.json"
    assert one_line(home.run("token", "ci", "--file", place)).endswith(
        f"no such folder: {place.parent}"
    )


# Usage


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "VERB"),
        (("tokn",), "invalid choice: 'tokn'"),
        (("token",), "NAME"),
        (("token", "a b"), "'a b' is not a name: use letters, digits"),
        (("token", "a", "--right", "admin"), "invalid choice: 'admin'"),
        (
            ("token", "a", "--session", "a b"),
            "'a b' is not the name of a session: use letters",
        ),
        (("token", "a", "--expires", "soon"), "'soon' is neither a time from now like 12h"),
        (("token", "a", "--expires", "2020-12-31"), "2020-12-31 is in the past"),
        (("token", "a", "--exp", "1d"), "unrecognized arguments"),
        (("token", "a", "--file", ""), "--file: is empty"),
        (("certificate", "a"), "--subject"),
        (("certificate", "a", "--subject", "a\nb"), "is not a subject: use printable"),
        (("revoke",), "NAME"),
    ],
)
def test_wrong_usage_exits_2_and_changes_nothing(home, arguments, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err
    assert not home.file.exists()


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_of_every_verb(home, verb):
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
def test_expiry_parses(text, moment):
    assert parse_expiry(text, START) == moment


@pytest.mark.parametrize(
    "text",
    [
        *("", "0d", "-1d", "1", "1w", "9999999d", "٣d", "1d\n", "2026-13-01", "2026-11-24"),
        *("2026-12-31T12:00:00", "9999-12-31", "2026-11-25T12:00:00Z"),
    ],
)
def test_invalid_or_past_expiry_raises(text):
    with pytest.raises(ValueError, match=r"is in the past|is neither"):
        parse_expiry(text, START)


def test_now_is_a_whole_second_in_utc():
    assert (now().microsecond, now().tzinfo) == (0, UTC)


def test_command_does_not_import_the_kernel():
    script = "import sys, gaffer_auth.command\n"
    script += "print(*{'trio', 'quart', 'gaffer_kernel', 'ssl', 'asyncio'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")
