"""Doors to the world: commands, files, services, etcd, Patroni, PostgreSQL, the clock.

What belongs here: one protocol a door, its real implementation and, where tests need one, a twin
in memory. What stays out: decisions. A door does what it is told, or says why it could not in an
error that names the address and what was asked.
"""
