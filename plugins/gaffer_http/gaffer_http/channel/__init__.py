"""The channel: events, samples, output, input and commands of many processes over one websocket.

channel        the session of one client: reads messages and passes them on
messages       the messages of clients, and those to them
fields         conversion of JSON objects to structs
outbox         outgoing messages, one at a time and in turns
subscriptions  the topics of a client, and the credit of each
topics         the topics, and the messages of each
output         the output of processes, in messages
samples        the samples of gaffer-stats
commands       the table of commands
arguments      the arguments of each command
dispatch       permission, order, answer and audit line of commands
writes         input that waits to be written to processes
"""
