import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_kernel.errors import InvalidField
from gaffer_kernel.names import JobName, check_session

PARTS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_+-]{0,20}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("web", JobName("default", "web")),
        ("site.web", JobName("site", "web")),
        ("site/web", JobName("site", "web")),
        ("site:web", JobName("site", "web")),
        ("django-server", JobName("default", "django-server")),
        ("1st", JobName("default", "1st")),
        ("7.web", JobName("7", "web")),
    ],
)
def test_names_are_parsed_with_any_separator(text, parsed):
    assert JobName.parse(text) == parsed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12",
        "site.12",
        ".web",
        "site.",
        "a.b.c",
        "a b",
        "-web",
        "web\n",
        "wéb",
        "a%2f",
        "x" * 256,
    ],
)
def test_an_invalid_name_is_an_error(text):
    with pytest.raises(InvalidField) as caught:
        JobName.parse(text)

    assert caught.value.field == "name"


def test_a_bare_name_is_in_the_given_session():
    assert JobName.parse("web", "site") == JobName("site", "web")
    assert JobName.parse("site.web", "site") == JobName("site", "web")


def test_a_name_in_another_session_is_an_error():
    with pytest.raises(InvalidField, match="not in the session 'site'"):
        JobName.parse("other.web", "site")


@pytest.mark.parametrize("session", ["", "a.b", "a b", "+a"])
def test_an_invalid_session_is_an_error(session):
    with pytest.raises(InvalidField) as caught:
        check_session(session)

    assert caught.value.field == "session"
    with pytest.raises(InvalidField):
        JobName.parse("web", session)


def test_the_default_session_is_not_shown():
    assert str(JobName("default", "web")) == "web"
    assert str(JobName("site", "web")) == "site.web"


@given(PARTS, PARTS)
def test_str_of_a_name_can_be_parsed(session, name):
    job = JobName(session, name)

    assert JobName.parse(str(job)) == job


@given(st.text())
def test_any_text_is_a_name_or_an_error(text):
    try:
        name = JobName.parse(text)
    except InvalidField:
        return

    assert JobName.parse(str(name)) == name
