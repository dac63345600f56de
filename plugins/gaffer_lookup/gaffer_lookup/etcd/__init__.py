"""etcd as the store of nodes: shared by several lookupds, or used by nodes without a lookupd.

    backend       the registry backend of several lookupds that share an etcd
    query         blocking queries, for programs without trio
    mirror        a local copy of all registered nodes, kept up to date
    registration  keeps one node registered
    leased_node   one lease, and the keys under it; renews it
    etcd_sync     what etcd was sent about a node's jobs, compared with what runs
    registrations the nodes that the keys describe, and the changes to publish
    keys          the layout of keys and values
    client        etcd's own verbs: leases, transactions, ranges
    watch         the changes under a prefix
    gateway       requests to the members of an etcd, with failover
    responses     responses of a member, and the errors in them
    wire          the JSON of etcd's gateway
    address       addresses of etcd as people write them
    errors        the errors of etcd

Everything goes through the HTTP gateway that each etcd has on its client port.
"""
