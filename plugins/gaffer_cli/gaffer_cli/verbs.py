"""All verbs that this package brings."""

from __future__ import annotations

from gaffer_cli.verb import Verb


def _verbs(program: str, folder: str, summaries: dict[str, str]) -> list[Verb]:
    """Verbs that are each the attribute `command` of a module of its name."""
    return [
        Verb(program, name, summary, f"gaffer_cli.{folder}.{name}:command")
        for name, summary in summaries.items()
    ]


_APP: dict[str, str] = {}

_CTL = {
    "status": "whether a job does what is wanted of it",
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
