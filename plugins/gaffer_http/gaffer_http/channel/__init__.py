"""The channel: events, samples, output, input and commands of many processes over one websocket.

channel        the conversation with one client: reads, and hands on what it asks
messages       what a client may say, and what it is told
fields         objects of a client turned into structs
outbox         what goes out, one message at a time and in turns
subscriptions  the topics of a client, and the credit of each
topics         what can be subscribed to, and what is told of it
output         what processes write, in messages
samples        what gaffer-stats measures
commands       the table of commands, and what each does
arguments      what each command takes
dispatch       who may, in which order, what is answered
writes         what waits to be written to processes
"""
