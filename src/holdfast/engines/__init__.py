"""Database engines: what a cluster of each should be, is, and how the one becomes the other.

What belongs here: one folder an engine, with its pure decisions (parameters, rendering, plans) and
the verbs that observe and perform them through doors that are passed in. What stays out: hosts
and addresses (`providers`), durability and order of steps (`workflows`), and other engines.
"""
