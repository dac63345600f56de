"""Feeds apart from any connection: what to ask, what came, when to ask again.

backoff  how long to wait before the next try, and when to give up
events   events, resumed after the last one seen
lines    what a process writes
sse      messages out of bytes
"""
