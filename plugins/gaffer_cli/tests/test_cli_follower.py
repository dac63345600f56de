"""Following one process, whatever happens to the connection."""

from contextlib import contextmanager

from gaffer_client import Line, NotFoundError, ProcessInfo
from gaffer_client.errors import BusyError, UnreachableError

from gaffer_cli.output.follower import Follower
from gaffer_cli.output.records import Note, Told

ENDED = ProcessInfo(
    pid=7,
    os_pid=70,
    name="web",
    session="default",
    job="web",
    cmd="serve",
    redirect_output=["out"],
    active=False,
)


class Ended:
    """A process that has ended; gafferd is away when its last words are first asked for."""

    pid = 7

    def __init__(self):
        self.asked = 0

    def info(self, *, ended=False):
        if not ended:
            raise NotFoundError(404, "not_found", "no process '7'")
        self.asked += 1
        if self.asked == 1:
            raise UnreachableError("http://127.0.0.1:5000", "nobody listens there")
        return ENDED

    @contextmanager
    def lines(self, *, tail, follow):
        assert (tail, follow) == (True, False)
        yield iter([Line("out", "why", 0)])


def test_a_connection_lost_before_the_last_words_were_told_ended_everything():
    process, told = Ended(), []
    assert Follower(process, told.append).run() is False
    assert told == [Told(ENDED, "out", "why")]
    assert process.asked == 2


class Limited(Ended):
    """A process of a gafferd where the token has too many requests in progress at first."""

    def info(self, *, ended=False):
        self.asked += 1
        if self.asked == 1:
            raise BusyError(429, "too_many_requests", "token ci has 64 requests")
        if not ended:
            raise NotFoundError(404, "not_found", "no process '7'")
        return ENDED


def test_who_follows_more_than_the_token_may_is_told_so():
    process, told = Limited(), []
    assert Follower(process, told.append).run() is False
    [note, line] = told
    assert isinstance(note, Note)
    assert note.text.startswith("not every process is followed now: ")
    assert "token ci has 64 requests" in note.text
    assert line == Told(ENDED, "out", "why")
