"""The program that runs in the child before its own: prepares descriptors and signals.

`python -I -S -c SOURCE 12,7 program argument...` makes 12 the child's 3 and 7 its 4, resets the
signal mask and ignored signals, then becomes the program. It is only used for jobs with custom
streams, and in programs that block or ignore signals: the standard library passes descriptors
under the numbers they have in the parent, and a shell can name only those below ten; and it passes
on the signal mask and ignored signals.
"""

import fcntl
import os
import signal
import sys


def main() -> None:
    """Prepare this process, then execute the program; exit with 127 or 126 if that fails."""
    numbers = [int(number) for number in sys.argv[1].split(",") if number]
    # First away from the numbers they are to get, but not far: the parent's numbers may be above
    # the limit (RLIMIT_NOFILE) that this process has been given meanwhile.
    moved = [fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3 + len(numbers)) for number in numbers]
    for number in numbers:
        os.close(number)
    for offset, number in enumerate(moved):
        os.dup2(number, 3 + offset, inheritable=True)
    reset_signals()
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        print(f"{sys.argv[2]}: {error.strerror}", file=sys.stderr)
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


def reset_signals() -> None:
    """Reset ignored signals, among them those that Python ignores, and empty the signal mask."""
    for signum in signal.valid_signals():
        if signal.getsignal(signum) is signal.SIG_IGN:
            signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


if __name__ == "__main__":
    main()
