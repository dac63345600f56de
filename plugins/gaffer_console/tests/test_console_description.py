import pytest

from gaffer_console.description import describe_event

KILLED = {"os_pid": 7, "exit_code": 0, "term_signal": 9, "uptime": 1.5}


@pytest.mark.parametrize(
    ("event", "data", "expected"),
    [
        ("start", {}, "start web"),
        ("spawn", {"os_pid": 7}, "spawn process with pid 7"),
        ("exit", KILLED, "exit process with pid 7: killed by SIGKILL after 1.5 s"),
        (
            "exit",
            {**KILLED, "oom_killed": True},
            "exit process with pid 7: killed by SIGKILL after 1.5 s: out of memory",
        ),
        ("flap", {"retry_in": 3.0}, "flap web: starts again in 3 s"),
        ("flap", {"retry_in": None}, "flap web: given up"),
        ("failed", {"reason": "no more tries"}, "failed web: no more tries"),
    ],
)
def test_event_is_described_in_words(event, data, expected):
    assert describe_event(event, "web", data) == expected
