"""Where databases run: machines, addresses, accounts, keys, secrets and the platform's own servers.

What belongs here: everything that is true of a place and not of a database engine. What stays
out: what a cluster looks like (engines) and in which order things happen (app, workflows).
"""
