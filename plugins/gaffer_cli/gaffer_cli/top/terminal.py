"""The terminal in full-screen mode, and its restoration."""

from __future__ import annotations

import os
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console, ConsoleDimensions, RenderableType
from rich.live import Live

_LFLAG, _CC = 3, 6


class Terminal:
    """A terminal that can show a live view.

    Args:
        keyboard: the descriptor from which keys are read.
    """

    def __init__(self, keyboard: int) -> None:
        self._console = Console()
        self._keyboard = keyboard
        self._saved = termios.tcgetattr(keyboard)
        self._live: Live | None = None

    @contextmanager
    def full_screen(self) -> Iterator[None]:
        """Show the live view on the alternate screen; restore the terminal on the way out."""
        try:
            self._enter()
            yield
        finally:
            self._restore()

    def _enter(self) -> None:
        mode = termios.tcgetattr(self._keyboard)
        # Without ISIG, Ctrl-C and Ctrl-Z are read as keys, so that the terminal can be restored
        # before they take effect.
        mode[_LFLAG] &= ~(termios.ICANON | termios.ECHO | termios.ISIG)
        mode[_CC][termios.VMIN], mode[_CC][termios.VTIME] = 1, 0
        termios.tcsetattr(self._keyboard, termios.TCSAFLUSH, mode)
        self._live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()

    def _restore(self) -> None:
        live, self._live = self._live, None
        # After a hangup of the terminal there is nothing to restore.
        with suppress(OSError, termios.error):
            try:
                if live is not None:
                    live.stop()
            finally:
                termios.tcsetattr(self._keyboard, termios.TCSAFLUSH, self._saved)

    def get_size(self) -> tuple[int, int]:
        """Return the current width and height. Unlike rich, ignores $COLUMNS and $LINES."""
        width, height = os.get_terminal_size(self._keyboard)
        # A terminal of unknown size reports 0.
        self._console.size = ConsoleDimensions(width or 80, height or 24)
        return self._console.size

    def paint(self, picture: RenderableType) -> None:
        """Paint the screen."""
        if self._live is not None:
            self._live.update(picture, refresh=True)

    def suspend(self) -> None:
        """Restore the terminal and stop this program; after SIGCONT, show the view again."""
        self._restore()
        # To the whole process group, as the terminal does on Ctrl-Z.
        os.kill(0, signal.SIGTSTP)
        self._enter()
