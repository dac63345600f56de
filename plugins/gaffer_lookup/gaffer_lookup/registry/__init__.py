"""The nodes, their jobs and their processes: rules and data, without connections.

message_handler  decodes a message of a node, executes it, and encodes the reply
node_session     one connection of a node: what it may register, and when
registry         all sessions: unique names and origins, and expired leases
leases           the deadline of each session
binding          the only node that a token or certificate may register
quotas           limits for everything together and for each owner
backend          where the nodes are kept: in memory, or shared by several lookupds
serializers      nodes, sessions and jobs as JSON
store            nodes, jobs and pids, in memory
node             one node, and the checks of its fields
errors           the errors that a node is sent
"""

from gaffer_lookup.registry.backend import Backend, MemoryBackend
from gaffer_lookup.registry.binding import Binding
from gaffer_lookup.registry.errors import RegistryError
from gaffer_lookup.registry.node import Node
from gaffer_lookup.registry.node_session import NodeSession
from gaffer_lookup.registry.registry import Registry
from gaffer_lookup.registry.store import MemoryStore, Store

__all__ = [
    "Backend",
    "Binding",
    "MemoryBackend",
    "MemoryStore",
    "Node",
    "NodeSession",
    "Registry",
    "RegistryError",
    "Store",
]
