"""The commands gaffer and gafferctl.

entry         where the two commands begin, before the rest is imported
programs      the two commands, and how they end
foreground    jobs run by a kernel of their own, for `gaffer start` and `gaffer run`
app, ctl      the verbs of gaffer and those of gafferctl, a file each; `both` are in both
output        what processes on a gafferd write
top           a live view of a gafferd's jobs
waiting, condition, jobfile   what several verbs do
verbs         all that this package brings, by name
many          one verb and many gafferds: --lookup
contributed   those that plugins bring, through the hook of `plugin` and `hookspecs`
group         a command whose verbs are imported when they are used
options       what every verb understands
invocation    one run of a command: what was said, who is asked, and how it is told
names         arguments that gafferd knows, completed by the shell; `completing` is how it asks
colors, columns, printable    text for people
exits         what a command ends with
verb          what a verb is

A command that asks gafferd something must start fast: click and gaffer_client are all that it
imports. What is slower, such as rich, trio and the kernel, is imported by the verb that needs it.
"""

from gaffer_cli.verb import Verb

__all__ = ["Verb"]
