"""All verbs of this package."""

from __future__ import annotations

from gaffer_cli.verb import Reach, Verb


def _verbs(program: str, folder: str, summaries: dict[str, str]) -> list[Verb]:
    """Make verbs, each the attribute `command` of the module of its name."""
    return [
        Verb(program, name, summary, _target(folder, name), _reach(folder, name))
        for name, summary in summaries.items()
    ]


def _target(folder: str, name: str) -> str:
    return f"gaffer_cli.{folder}.{name.replace('-', '_')}:command"


def _reach(folder: str, name: str) -> Reach:
    verb = f"{folder}.{name}"
    return next((reach for reach, verbs in _REACH.items() if verb in verbs.split()), "all")


_REACH: dict[Reach, str] = {
    "here": "app.start app.run app.export common.completion common.help",
    "local": "ctl.open",
    "one": "ctl.top ctl.watch",
    "lookup": "ctl.nodes ctl.jobs ctl.find",
}
"""The verbs whose reach is not `all`."""

_APP = {
    "start": "Run the programs of the Procfile here",
    "run": "Run a command with the variables of the application",
    "export": "Export the Procfile to another format",
    "load": "Load an application into gafferd",
    "unload": "Unload an application from gafferd",
    "restart": "Replace the processes of an application in gafferd",
    "scale": "Change the number of processes of an application",
    "ps": "Show the processes of applications",
    "logs": "Show the output of the processes of applications",
    "apps": "Show the names of the applications in gafferd",
}

_CTL = {
    "processes": "Show the names of all jobs, or the pids of all processes",
    "status": "Show the status of jobs",
    "start": "Start jobs",
    "stop": "Stop jobs",
    "restart": "Replace the processes of jobs, the new ones first",
    "reload": "Stop the processes of jobs, then start as many as configured",
    "add": "Increase the number of processes of a job",
    "sub": "Decrease the number of processes of a job",
    "commit": "Start a one-off process of a job",
    "kill": "Send a signal to a process or a job",
    "pids": "Show the pids of the processes of a job",
    "running": "Show how many processes of a job run",
    "numprocesses": "Show the configured number of processes of a job",
    "load_process": "Add the jobs of a file",
    "add_process": "Add a job by its name and command line",
    "get_process": "Show the configuration of a job",
    "update_process": "Change the command line of a job",
    "del_process": "Stop a job and remove it",
    "top": "Show all jobs live, and the output of one of them",
    "watch": "Show events as they happen",
    "open": "Open a page of gafferd in your browser",
    "plugins": "Show, open, close and reload the plugins of gafferd",
    "plan": "Show what a reload of the configuration would change",
    "reload-config": "Apply the configuration file of gafferd",
    "shutdown": "Stop gafferd and all its processes",
    "nodes": "Show the gafferds that lookupds know",
    "jobs": "Show the names of all jobs, with --lookup those of all gafferds",
    "find": "Find the gafferds that have a job or a session",
    "sessions": "Show the sessions; start, stop and restart all jobs of one",
}

_COMMON = {
    "completion": "Print a script that completes verbs, options and names in the shell",
    "help": "Show the help of a verb",
}

GROUPS: dict[str, dict[str, str]] = {
    "gaffer": {
        "Programs of a Procfile, here": "start run export",
        "Applications in gafferd": "load unload scale restart reload stop",
        "What runs in gafferd": "ps status logs top apps",
        "Help": "help completion",
    },
    "gafferctl": {
        "What runs": "status ps logs top watch processes jobs sessions",
        "Start and stop": "start stop restart reload add sub commit kill",
        "Jobs": "load_process add_process get_process update_process del_process",
        "One job": "pids running numprocesses",
        "gafferd itself": "plan reload-config plugins open shutdown",
        "Many gafferds": "nodes find",
        "Help": "help completion",
    },
}
"""The verbs of each command, as its help shows them in groups."""

_CTL_OF_GAFFER = ("status", "stop", "reload", "top")
_APP_OF_GAFFERCTL = ("ps", "logs")

ALL = [
    *_verbs("gaffer", "app", _APP),
    *_verbs("gaffer", "ctl", {name: _CTL[name] for name in _CTL_OF_GAFFER}),
    *_verbs("gaffer", "common", _COMMON),
    *_verbs("gafferctl", "ctl", _CTL),
    *_verbs("gafferctl", "app", {name: _APP[name] for name in _APP_OF_GAFFERCTL}),
    *_verbs("gafferctl", "common", _COMMON),
]
