"""Jobs: what is wanted, and the supervisors that keep it so.

manager          the index of sessions, jobs and processes, and their common life
job              the public face of a supervisor
supervisor       messages, timer and reconciling of one job
advice           the questions of supervisors to plugins
job_status       the status of one job
instance_states  what each instance does, and why
instances, slots the processes of a job, and the numbered slots they fill
exits            how processes exited, for the rules and in words
exit_handler     restarts, pauses or ends the instances of one job after their exits
restart          the rules of restarts, and what one job remembers for them
flapping         the four numbers of `flapping`
crash_log        one log line for many crashes
tasks            tasks that are not cancelled before all is stopped
spawn_queue      one spawn at a time, other tasks in between
scale            changes of the number of instances

config           JobConfig: everything about one job
fields           the types of its fields
units            numbers, seconds, sizes and percentages as text
kinds            annotated types, in words and as text
options          the keys that plugins add
stop_steps       the signals and times that stop a process
validation       what types cannot say
command          from the command line to the words that are executed
"""
