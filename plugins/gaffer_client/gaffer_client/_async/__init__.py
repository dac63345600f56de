"""The client for tasks of trio: the same as `sync`, awaited.

server, session, job, process  what can be asked, by what it is about
feeds                          events and lines to loop over
transport                      the connections
"""
