"""All verbs that this package brings."""

from __future__ import annotations

from gaffer_cli.verb import Reach, Verb


def _verbs(program: str, folder: str, summaries: dict[str, str]) -> list[Verb]:
    """Verbs that are each the attribute `command` of a module of its name."""
    return [
        Verb(program, name, summary, f"gaffer_cli.{folder}.{name}:command", _reach(folder, name))
        for name, summary in summaries.items()
    ]


def _reach(folder: str, name: str) -> Reach:
    verb = f"{folder}.{name}"
    return next((reach for reach, verbs in _REACH.items() if verb in verbs.split()), "all")


_REACH: dict[Reach, str] = {
    "here": "app.start app.run app.export both.completion both.help",
    "local": "ctl.open",
    "one": "ctl.top ctl.watch",
    "lookup": "ctl.nodes ctl.jobs ctl.find",
}
"""The verbs that do not ask one gafferd or all."""

_APP = {
    "start": "run the programs of the Procfile here",
    "run": "run a command with the variables of the application",
    "export": "say what the Procfile says in another format",
    "load": "have gafferd run an application",
    "unload": "have gafferd run an application no more",
    "restart": "replace the processes of an application on gafferd",
    "scale": "have more or fewer processes of an application",
    "ps": "how the processes of an application are",
    "logs": "what the processes of an application write",
    "apps": "the applications that gafferd has",
}

_CTL = {
    "processes": "the names of all jobs, or the pids of all processes",
    "status": "whether jobs do what is wanted of them",
    "start": "have a job running",
    "stop": "have a job not running",
    "restart": "replace the processes of a job, the new ones first",
    "reload": "end the processes of a job, then start as many as configured",
    "add": "have more processes of a job",
    "sub": "have fewer processes of a job",
    "commit": "start one process of a job, once",
    "kill": "send a signal to a process or a job",
    "pids": "the pids of a job's processes",
    "running": "how many processes of a job run",
    "numprocesses": "how many processes of a job are wanted",
    "load_process": "add the jobs of a file",
    "add_process": "add a job by its name and command line",
    "get_process": "the configuration of a job",
    "update_process": "give a job another command line",
    "del_process": "stop a job and remove it",
    "top": "all jobs, live, and what one of them writes",
    "watch": "what happens, as it happens",
    "open": "open a page of gafferd in your browser",
    "plugins": "the plugins of gafferd; open, close and reload them",
    "nodes": "the gafferds that lookupds know",
    "jobs": "the jobs of all gafferds, and which of them has which",
    "find": "which gafferds have a job or a session",
    "sessions": "the sessions; start, stop and restart all jobs of one",
}

_BOTH = {
    "completion": "have the shell complete verbs, options and names",
    "help": "show what a verb does",
}

ALL = [
    *_verbs("gaffer", "app", _APP),
    *_verbs("gaffer", "both", _BOTH),
    *_verbs("gafferctl", "ctl", _CTL),
    *_verbs("gafferctl", "both", _BOTH),
]
