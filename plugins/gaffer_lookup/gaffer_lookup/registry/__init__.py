"""Which node runs what: rules and facts, without any connection.

hearing      a message of a node: read, done and answered
registrant   one connection of a node: what it may say, and when
registry     all of them: who is known, and who has been silent for too long
leases       who has to be heard when
binding      which node a token or certificate may register
shares       how much may be one owner's
keeper       where that is kept: by this program alone, or by several together
views        facts as they are told: nodes, sessions and jobs by their names
store        facts, in memory
facts        a node, and what is told of one
refusal      what a node is told instead of ok
"""

from gaffer_lookup.registry.backend import Keeper, MemoryKeeper
from gaffer_lookup.registry.binding import Binding
from gaffer_lookup.registry.errors import Refusal
from gaffer_lookup.registry.node import Node
from gaffer_lookup.registry.node_session import Registrant
from gaffer_lookup.registry.registry import Registry
from gaffer_lookup.registry.store import MemoryStore, Store

__all__ = [
    "Binding",
    "Keeper",
    "MemoryKeeper",
    "MemoryStore",
    "Node",
    "Refusal",
    "Registrant",
    "Registry",
    "Store",
]
