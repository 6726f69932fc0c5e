"""Schema-change safety: what a migration locks, rewrites, scans, breaks or loses.

Pure: texts come in, effects and findings go out. Reading files, asking a server, running a
migration stay outside.
"""
