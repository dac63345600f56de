"""The client for trio tasks.

server, lookup, session, job, process   the public classes; `_sync` is generated from these modules
base                                    what differs between these classes and those of `_sync`
feeds                                   events and lines to iterate over
transport                               connections and requests

`generate_sync.py`, next to the package, generates the modules of `_sync`.
"""
