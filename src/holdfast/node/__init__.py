"""The node agent: one small process per node that steers its two poolers and guards its server.

What belongs here: watching the cluster's keys in etcd, checking members of the cluster over a
connection of its own, deciding where the read-write and the read-only PgBouncer of this node
point and whether they hold their clients back, and doing so. The decision is one pure function
(`decide`); everything else serves it.

Beside that it guards the node (`guard`, again one pure function): a server that is down costs its
node the leader's role at once, one that hangs is ended, and so is a Patroni that hangs.

What stays out: the control plane. An agent works on when the control plane is gone, and keeps
the last verified target when etcd is gone too. It is imported by a bare interpreter on every
node, so it needs nothing but the standard library, `holdfast.core` and the etcd door.
"""
