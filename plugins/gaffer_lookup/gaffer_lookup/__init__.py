"""Which gafferd runs what, and where: gafferd's plugin, and the command gaffer_lookupd.

    node       the plugin: it tells lookupds what runs here
    lookupd    the command
    registry   what is known of nodes
    etcd       where several lookupds keep that, and nodes without any
    untold     the jobs of which somebody has to be told something
    words      what a node says and is answered

Importing it must stay cheap, as gafferd does so to find out what it is.
"""

__all__: list[str] = []
