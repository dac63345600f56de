"""Streaming responses: output and events as they come.

feed        the response itself: waits, heartbeats, end
query       the parameters of a request for a feed
sse         the format of server-sent events
output      the output of processes, in the forms of a feed
polls       the position of the last long poll of each output
forms       single objects: JSON lines, or server-sent events
objects     objects of other plugins, in these forms
events      events, in these forms
"""
