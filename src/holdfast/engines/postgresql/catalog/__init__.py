"""The catalog of a cluster: roles, memberships, databases, schemas, grants, extensions.

`render` says what there should be (pure), `observe` what there is, `perform` turns one change into
statements. Everything here works on resources of these kinds and leaves alone what belongs to the
application: its tables, its own roles, and what it grants to them.
"""
