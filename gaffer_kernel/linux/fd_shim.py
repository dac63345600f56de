"""The program that runs in the child before its own: prepares descriptors, signals and limits.

`python -I -S -c SOURCE 12,7 9 "listen stack=1:2 user=3:4:5,6" program argument...` makes 12 the
child's 3 and 7 its 4, resets the signal mask and ignored signals, waits for a line on 9, the gate,
sets LISTEN_PID, the limit of its stack, its user, its group and its other groups, then becomes the
program. `-` in place of 9 is no gate. It is only used for jobs with more descriptors, in programs
that block or ignore signals, and where a shell cannot be the gate: the standard library passes
descriptors under the numbers they have in the parent, and a shell can name only those below ten;
and it passes on the signal mask and ignored signals.
"""

import fcntl
import os
import signal
import sys

# os.execvp imports this, when another user may not read the standard library any more.
import warnings  # noqa: F401

FAILED = 125
"""The exit status if the parent has not opened the gate, or if there is no such user."""


def main() -> None:
    """Prepare this process, then execute the program; exit with 127 or 126 if that fails."""
    _, descriptors, gate, options, program, *_ = sys.argv
    numbers = [int(number) for number in descriptors.split(",") if number]
    inherited = numbers if gate == "-" else [*numbers, int(gate)]
    # First away from the numbers they are to get, but not far: the parent's numbers may be above
    # the limit (RLIMIT_NOFILE) that this process has been given meanwhile.
    moved = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3 + len(inherited)) for number in inherited]
    for number in inherited:
        os.close(number)
    for offset, number in enumerate(moved[: len(numbers)]):
        os.dup2(number, 3 + offset, inheritable=True)
    reset_signals()
    if gate != "-" and os.read(moved[-1], 1) != b"\n":
        sys.exit(FAILED)
    try:
        for option in options.split():
            apply(*option.partition("=")[::2])
    except OSError as error:
        print(f"{program}: {option}: {error.strerror}", file=sys.stderr)
        sys.exit(FAILED)
    try:
        os.execvp(program, sys.argv[4:])
    except OSError as error:
        print(f"{program}: {error.strerror}", file=sys.stderr)
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


def apply(option: str, value: str) -> None:
    """Apply one of the options of the command line to this process."""
    if option == "listen":
        os.environ["LISTEN_PID"] = str(os.getpid())
    elif option == "stack":
        import resource

        soft, hard = map(int, value.split(":"))
        resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))
    elif option == "user":
        uid, gid, groups = value.split(":")
        os.setgroups([int(group) for group in groups.split(",") if group])
        os.setgid(int(gid))
        os.setuid(int(uid))


def reset_signals() -> None:
    """Reset ignored signals, among them those that Python ignores, and empty the signal mask."""
    for signum in signal.valid_signals():
        if signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


if __name__ == "__main__":
    main()
