"""The commands gaffer and gafferctl.

entry         entry points of the two commands, before the other modules are imported
programs      the two commands, and the exit status of each
foreground    jobs run by a kernel inside the command, for `gaffer start` and `gaffer run`
app, ctl      the verbs of gaffer and those of gafferctl, one file each; `common`: those of both
output        what the processes of a gafferd write
top           a live view of the jobs of a gafferd
waiting, condition, job_file   helpers that several verbs share
verbs         all verbs of this package, by name
cluster       one verb on many gafferds: --lookup
plugin_commands   verbs of plugins, from the hook that `plugin` and `hookspecs` declare
group         a click group whose verbs are imported when they are used
options       the options that every verb understands
invocation    the options of one run of a command, its server and its output
arguments     argument types whose values gafferd knows, for the completion of shells
table, printable   text for people
exit_codes    exit statuses and error lines
verb          the description of a verb

A command that only sends requests to gafferd must start fast: it imports nothing but click and
gaffer_client. Slower modules, such as rich, trio and the kernel, are imported by the verb that
needs them.
"""

from gaffer_cli.verb import Verb

__all__ = ["Verb"]
