"""Make the pictures of the README from real sessions: `make pictures`."""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from svg import render
from terminal import Terminal

HERE = Path(__file__).parent
SHOP = HERE / "shop"
COLUMNS = 88


def main():
    """Write start.svg and top.svg into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE, help="where the pictures go")
    parser.add_argument("--bind", default="127.0.0.1:5000", help="the address of gafferd")
    options = parser.parse_args()

    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory() as home:
        env = {"HOME": home, "LANG": "C.UTF-8", "PATH": path}
        save(options.folder / "start.svg", record_start(env), "gaffer start")
        save(options.folder / "top.svg", record_top(env, options.bind), "gafferctl top")


def save(path, rows, title):
    path.write_text(render(rows, COLUMNS, title))


def record_start(env):
    """Return the screen of `gaffer start` after a crash and Ctrl-C."""
    command = ["gaffer", "start", "--on-exit", "restart", "-c", "worker=2"]
    with Terminal(command, COLUMNS, 26, cwd=SHOP, env=env) as terminal:
        terminal.show(f"$ {' '.join(command)}\r\n")
        terminal.wait_for("exited with status 1")
        terminal.run_for(0.7)
        terminal.type("\x03")
        terminal.run_for(2)
        return drop_empty_end(terminal.get_rows())


def drop_empty_end(rows):
    """Drop the empty lines at the bottom of a screen."""
    while not "".join(char.data for char in rows[-1]).strip():
        rows = rows[:-1]
    return rows


def record_top(env, bind):
    """Return the screen of `gafferctl top` for a gafferd that runs the same programs."""
    config = "[gaffer]\nprocfile = Procfile\nconcurrency = web=2,worker=3\n"
    settings = {"cwd": SHOP, "env": env}
    with subprocess.Popen(
        ["gafferd", "-c", "/dev/stdin", "--bind", bind], stdin=subprocess.PIPE, **settings
    ) as gafferd:
        try:
            gafferd.stdin.write(config.encode())
            gafferd.stdin.close()
            endpoint = bind if bind.startswith("unix:") else f"http://{bind}"
            wait_for_answer(endpoint, settings)
            command = ["gafferctl", "--connect", endpoint, "top"]
            with Terminal(command, COLUMNS, 20, **settings) as terminal:
                terminal.wait_for("shop.web")
                while not terminal.shows("-- shop.web"):
                    terminal.type("j")
                    terminal.run_for(1)
                terminal.run_for(3)
                return terminal.get_rows()
        finally:
            gafferd.terminate()


def wait_for_answer(endpoint, settings):
    command = ["gafferctl", "--connect", endpoint, "status"]
    deadline = time.monotonic() + 60
    while subprocess.run(command, capture_output=True, **settings).returncode not in (0, 3):
        if time.monotonic() > deadline:
            raise RuntimeError("gafferd does not answer")
        time.sleep(0.1)


if __name__ == "__main__":
    main()
