"""Channel: events, samples, output, input and commands over one websocket.

channel        the public face: subscriptions and commands
reconnecting   the connection, made again when it is lost
subscription   the values of one topic, for one task to iterate over
topics         how the messages of a topic are parsed, and how it is resumed
messages       the wire format, independent of any connection
websocket      one websocket connection
"""
