"""The client for threads, which block until a response arrives.

server, lookup, session, job, process   the public classes, generated from `_async`
base                                    what differs between these classes and those of `_async`
feeds                                   events and lines to iterate over
transport, connection                   requests, and connections of http.client
"""
