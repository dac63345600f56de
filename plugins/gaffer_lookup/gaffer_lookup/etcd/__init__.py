"""etcd as the place where nodes are registered: for several lookupds, or for none at all.

    keeper        the place where several lookupds keep what they are told
    asking        one question, as programs without trio ask it
    mirror        what is registered, followed as it changes
    registration  one node, kept registered
    claim         what is kept under one lease of it
    roll          registrations as nodes, and what changes in them
    account       what etcd has been told of a node's jobs, against what is true
    keys          what is kept under which key
    client        etcd's own verbs: leases, transactions, ranges
    watch         what changes under a prefix
    gateway       requests to the members of an etcd, each in its turn
    answers       what one of them answers, as it is or as an error
    wire          what etcd says
    address       where it is, as people write it
    errors        what can go wrong

Everything goes through the HTTP gateway that each etcd has on its client port.
"""
