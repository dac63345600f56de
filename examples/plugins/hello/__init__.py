"""Print hello for every process that starts: a whole plugin with one hook."""

from gaffer_kernel import hookimpl

__version__ = "1.0"


@hookimpl
def gaffer_event(event):
    if event.event == "spawn":
        print(f"hello {event.name}", flush=True)
