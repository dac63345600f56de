"""Answers that go on: output and events, told as they come.

feed        the answer itself: waits, beats, ends
query       what a request asks for
sse         the lines of server-sent events
output      what processes write, in the forms of a feed
polls       where the last long poll of an output ended
forms       what is told one by one: JSON in lines, or server-sent events
objects     of other plugins, in these forms
events      in these forms
"""
