"""Following one process despite lost connections."""

from contextlib import contextmanager

from gaffer_client import Line, NotFoundError, ProcessInfo
from gaffer_client.errors import BusyError, UnreachableError

from gaffer_cli.output.follower import Follower
from gaffer_cli.output.records import Note, OutputRecord

EXITED = ProcessInfo(
    pid=7,
    os_pid=70,
    name="web",
    session="default",
    job="web",
    cmd="serve",
    redirect_output=["out"],
    active=False,
)


class ExitedProcess:
    """A process that has exited; the first request for its stored output fails."""

    pid = 7

    def __init__(self):
        self.requests = 0

    def info(self, *, ended=False):
        if not ended:
            raise NotFoundError(404, "not_found", "no process '7'")
        self.requests += 1
        if self.requests == 1:
            raise UnreachableError("http://127.0.0.1:5000", "nobody listens there")
        return EXITED

    @contextmanager
    def lines(self, *, tail, follow, times):
        assert (tail, follow, times) == (True, False, True)
        yield iter([Line("out", "why", 0)])


def test_follower_retries_the_backlog_after_a_lost_connection():
    process, records = ExitedProcess(), []
    assert Follower(process, records.append).run() is False
    assert records == [OutputRecord(EXITED, "out", "why")]
    assert process.requests == 2


class BusyProcess(ExitedProcess):
    """A process of a gafferd that refuses the first request because of the limit of the token."""

    def info(self, *, ended=False):
        self.requests += 1
        if self.requests == 1:
            raise BusyError(429, "too_many_requests", "token ci has 64 requests")
        if not ended:
            raise NotFoundError(404, "not_found", "no process '7'")
        return EXITED


def test_follower_notes_that_the_token_has_too_many_requests():
    process, records = BusyProcess(), []
    assert Follower(process, records.append).run() is False
    [note, line] = records
    assert isinstance(note, Note)
    assert note.text.startswith("not every process is followed now: ")
    assert "token ci has 64 requests" in note.text
    assert line == OutputRecord(EXITED, "out", "why")
