"""Feeds, independent of any connection.

backoff  delays between connection attempts, and when to give up
events   events, resumed after the last one received
lines    lines of output
sse      parser for server-sent events
"""
