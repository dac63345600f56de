"""The terminal, taken for a live view and given back."""

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
    """The terminal while it shows a live view.

    Args:
        keyboard: descriptor that keys are read from.
    """

    def __init__(self, keyboard: int) -> None:
        self._console = Console()
        self._keyboard = keyboard
        self._saved = termios.tcgetattr(keyboard)
        self._live: Live | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Show the live view in place of what was there; on the way out everything is as before."""
        try:
            self._take()
            yield
        finally:
            self._give_back()

    def _take(self) -> None:
        mode = termios.tcgetattr(self._keyboard)
        # Ctrl-C and Ctrl-Z are keys, too: what they do has to wait until the terminal is restored.
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

    def _give_back(self) -> None:
        live, self._live = self._live, None
        # If the terminal is gone there is nothing to restore.
        with suppress(OSError, termios.error):
            try:
                if live is not None:
                    live.stop()
            finally:
                termios.tcsetattr(self._keyboard, termios.TCSAFLUSH, self._saved)

    def measured(self) -> tuple[int, int]:
        """Its width and height, now. Other than rich, this does not believe $COLUMNS and $LINES."""
        width, height = os.get_terminal_size(self._keyboard)
        # Some do not know it, and say 0.
        self._console.size = ConsoleDimensions(width or 80, height or 24)
        return self._console.size

    def paint(self, picture: RenderableType) -> None:
        """Show a picture."""
        if self._live is not None:
            self._live.update(picture, refresh=True)

    def suspend(self) -> None:
        """Give the terminal back and stop; when somebody continues us, take it again."""
        self._give_back()
        # As the terminal would: everybody who was started with us.
        os.kill(0, signal.SIGTSTP)
        self._take()
