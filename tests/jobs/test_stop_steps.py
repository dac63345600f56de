"""The text of stop steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaffer_kernel.errors import InvalidField
from gaffer_kernel.jobs.config import JobConfig
from gaffer_kernel.jobs.stop_steps import StopStep, format_steps, parse_steps

SECONDS = st.integers(0, 10**12 - 1).map(lambda milliseconds: milliseconds / 1000)


def web(**fields: object) -> JobConfig:
    return JobConfig(**{"name": "web", "cmd": "run", **fields})


@pytest.mark.parametrize(
    ("stop", "steps"),
    [
        ("INT 10s, TERM 20s, KILL", [(2, 10), (15, 20), (9, 0)]),
        (" sigint 10 ,15 1m,kill ", [(2, 10), (15, 60), (9, 0)]),
        ("QUIT 500ms", [(3, 0.5), (9, 0)]),
        ("INT, TERM", [(2, 30), (15, 30), (9, 0)]),
        ("USR1  1h", [(10, 3600), (9, 0)]),
        ("KILL", [(9, 0)]),
    ],
)
def test_steps_are_signals_and_times_and_end_with_kill(stop, steps):
    assert web(stop=stop).stop_steps == tuple(steps)
    assert web(stop=stop).stop_timeout == sum(seconds for _, seconds in steps)
    assert JobConfig.from_dict(web(stop=stop).to_dict()) == web(stop=stop)


@pytest.mark.parametrize("stop", [None, ""])
def test_default_steps_are_term_graceful_timeout_and_kill(stop):
    assert web(stop=stop).stop_steps == ((15, 30), (9, 0))
    assert web(stop=stop, graceful_timeout="5s").stop_steps == ((15, 5), (9, 0))
    assert web(stop=stop).graceful_timeout == 30


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("INTT 3", "no signal 'INTT'"),
        ("0 3", "no signal '0'"),
        ("INT 3,, KILL", "a step is empty"),
        (",", "a step is empty"),
        ("INT 3, KILL, TERM 3", "KILL ends every process: it must be the last step"),
        ("KILL, KILL", "KILL ends every process: it must be the last step"),
        ("KILL 3", "KILL is not followed by a time, as in 'KILL 3'"),
        ("INT soon", "must be seconds from 0 to 1e9, such as 10, 500ms, 20m or 1h, not 'soon'"),
        ("INT -1", "not '-1'"),
        ("INT 1e10", "not '1e10'"),
        ("INT 3 TERM", "not '3 TERM'"),
        (", ".join(["INT 1"] * 17), "must have at most 16 steps"),
        (["INT"], "must be stop steps such as `INT 10s, TERM 20s, KILL`"),
        (3, "must be stop steps such as `INT 10s, TERM 20s, KILL`, not 3"),
    ],
)
def test_wrong_steps_are_errors(stop, reason):
    with pytest.raises(InvalidField) as caught:
        web(stop=stop)
    assert caught.value.field == "stop"
    assert reason in caught.value.reason


def test_stop_excludes_graceful_timeout():
    with pytest.raises(InvalidField) as caught:
        web(stop="INT 3", graceful_timeout=3)
    assert str(caught.value) == (
        "stop: contains the times, so graceful_timeout must not be given, too"
    )


@pytest.mark.parametrize(
    ("command", "reason"), [(" ", "must name a program"), ("'", "no closing"), (3, "must be text")]
)
def test_a_wrong_stop_command_is_an_error(command, reason):
    with pytest.raises(InvalidField) as caught:
        web(stop_command=command)
    assert caught.value.field == "stop_command"
    assert reason in caught.value.reason


@pytest.mark.parametrize("scope", ["Group", "", "process", None, 1])
def test_a_wrong_stop_scope_is_an_error(scope):
    with pytest.raises(InvalidField) as caught:
        web(stop_scope=scope)
    assert str(caught.value).startswith("stop_scope: must be group or leader, not ")


@given(
    st.lists(
        st.builds(StopStep, st.sampled_from([1, 2, 3, 15]), SECONDS),
        min_size=1,
        max_size=5,
    )
)
def test_the_text_of_steps_means_the_same_steps(steps):
    assert parse_steps(format_steps(tuple(steps))) == tuple(steps)
