"""The client for programs that wait for each answer.

server, session, job, process  what can be asked, by what it is about
feeds                          events and lines to loop over
transport                      the connections
"""
