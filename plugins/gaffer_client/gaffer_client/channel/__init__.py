"""Many things over one websocket: events, samples, output, input and commands.

channel        what can be followed and done, and resumed
conversation   what is said and answered; connects again when the connection is lost
subscription   what is told on one topic, for one task to loop over
topics         what a topic tells, as objects, and how it is resumed
messages       what is said and heard, apart from any connection
websocket      the connection
"""
