"""Service discovery for gafferd: gafferd's plugin `lookup`, and the command gaffer_lookupd.

plugin      the plugin and its hooks
node        registers this gafferd with lookupds and with etcd
lookupd     the command
registry    the nodes, their jobs and their processes
etcd        the store that several lookupds share, and where nodes register without a lookupd
sync_state  the jobs whose changes have not been sent yet
protocol    the messages of a node, and the replies to them
"""

__all__: list[str] = []
