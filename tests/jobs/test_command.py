import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_kernel.errors import InvalidField
from gaffer_kernel.jobs.command import build_argv, split_words, substitute
from gaffer_kernel.jobs.config import JobConfig

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=60)
VARIABLES = st.dictionaries(st.from_regex(r"[A-Z_]{1,3}", fullmatch=True), TEXT, max_size=3)


def argv(cmd: str, environ: dict[str, str] | None = None, **fields: object) -> list[str]:
    config = JobConfig(name="a", cmd=cmd, **fields)
    return build_argv(config.cmd, config.args, config.shell, environ or {})


def test_command_line_is_split_like_a_shell_does():
    assert argv("python -c 'print(1)' a\\ b") == ["python", "-c", "print(1)", "a b"]


def test_args_are_appended_as_text_or_as_list():
    assert argv("python -u", args="-c 'print(1)'") == ["python", "-u", "-c", "print(1)"]
    assert argv("python -u", args=["-c", "print(1)"]) == ["python", "-u", "-c", "print(1)"]


def test_variables_are_replaced_in_every_word():
    environ = {"PY": "python3", "PORT": "80"}

    assert argv("$PY -p ${PORT}", environ, args=["--at=$PORT"]) == [
        "python3", "-p", "80", "--at=80"
    ]  # fmt: skip


def test_a_value_with_spaces_stays_one_word():
    assert argv("echo $A", {"A": "x --evil"}) == ["echo", "x --evil"]


@pytest.mark.parametrize(
    ("word", "replaced"),
    [
        ("$$HOME", "$HOME"),
        ("$$$A", "$1"),
        ("cost $5", "cost $5"),
        ("$UNKNOWN", "$UNKNOWN"),
        ("${UNKNOWN}", "${UNKNOWN}"),
        ("${A:-1}", "${A:-1}"),
        ("$", "$"),
        ("${", "${"),
        ("${}", "${}"),
        ("$A$A_${A}B", "1$A_1B"),
        ("$AÉ", "1É"),
    ],
)
def test_unknown_variables_and_other_shell_syntax_stay(word, replaced):
    assert substitute(word, {"A": "1"}) == replaced


def test_variables_inside_values_are_not_replaced():
    assert substitute("$A", {"A": "$A$$"}) == "$A$$"


def test_a_shell_gets_the_line_unchanged():
    assert argv("echo $A; echo b | cat", {"A": "1"}, shell=True) == [
        "/bin/sh", "-c", "echo $A; echo b | cat"
    ]  # fmt: skip


def test_a_shell_gets_the_arguments_quoted():
    assert argv("echo", shell=True, args=["a b", "$A"]) == ["/bin/sh", "-c", "echo 'a b' '$A'"]


@pytest.mark.parametrize("text", ["'a", '"a', "a\\"])
def test_an_unclosed_quotation_is_an_error(text):
    with pytest.raises(InvalidField) as caught:
        split_words("cmd", text)

    assert caught.value.field == "cmd"


@given(cmd=TEXT, args=st.lists(TEXT, max_size=3), shell=st.booleans(), environ=VARIABLES)
def test_every_valid_job_has_a_command_line(cmd, args, shell, environ):
    try:
        config = JobConfig(name="a", cmd=cmd, args=args, shell=shell)
    except InvalidField:
        return

    words = build_argv(config.cmd, config.args, config.shell, environ)

    assert words
    assert (
        len(words) == 3
        if shell
        else words[len(words) - len(args) :] == [substitute(arg, environ) for arg in args]
    )
