"""Says hello to every process that starts: one hook is a whole plugin."""

from gaffer_kernel import hookimpl

__version__ = "1.0"


@hookimpl
def gaffer_event(event):
    if event.event == "spawn":
        print(f"hello {event.name}", flush=True)
