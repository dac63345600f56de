"""Tests of the warnings about command lines that need a shell."""

import pytest

from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.shell_syntax import find_shell_syntax, find_warnings


@pytest.mark.parametrize(
    ("cmd", "syntax"),
    [
        ("cat a | wc", "|"),
        ("make && ./run", "&&"),
        ("make || true", "||"),
        ("./run > log", ">"),
        ("./run >log", ">"),
        ("./run >> log 2>&1", ">>"),
        ("./run 2>&1", "2>&1"),
        ("./run </dev/null", "<"),
        ("./run &", "&"),
        ("echo a; echo b", ";"),
        ("echo a ; echo b", ";"),
        ("ls *.txt", "*"),
        ("cd /srv", "cd"),
        ("exec ./run", "exec"),
        ("PASSWORD=secret ./run", "PASSWORD="),
        ("echo $(date)", "$("),
        ("echo `date`", "`"),
        ("grep '|' *.txt", "*"),
    ],
)
def test_shell_syntax_is_found(cmd, syntax):
    assert find_shell_syntax(cmd) == syntax


@pytest.mark.parametrize(
    "cmd",
    [
        "serve --port $PORT ${HOST}",
        "sh -c 'cd /srv && exec ./run > log; ls *'",
        'awk -F "|" file',
        "find . -name '*.o' -exec rm {} \\;",
        "curl http://x.example/?a=1&b=2",
        "echo a=b --level=>3 a->b",
        "./cd",
        "echo cd exec",
        "printf '%s' \\*",
        "date +%Y",
    ],
)
def test_literal_text_is_no_shell_syntax(cmd):
    assert find_shell_syntax(cmd) is None


def test_undefined_variables_are_named():
    job = JobConfig(name="web", cmd="serve $A $B $$C ${D} $5", args=["$E"])
    assert find_warnings(job, {"A": "1"}) == [
        f"cmd: ${name} is not set, so it stays as it is: set it, or write $${name}"
        for name in ("B", "D", "E")
    ]


def test_a_shell_job_has_no_warnings():
    assert find_warnings(JobConfig(name="web", cmd="cd / && echo $A", shell=True), {}) == []
