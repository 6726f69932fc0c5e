"""Values and protocols that every room shares.

What belongs here: frozen values (findings, changes, plans, resources, verdicts), errors that
carry data, and units. What stays out: I/O, the clock, randomness, the environment and every
third-party library.
"""
