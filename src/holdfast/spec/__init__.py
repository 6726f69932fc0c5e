"""Documents: what a team or a site declares, read from YAML into frozen values.

What belongs here: the fields of every kind (one table, from which the JSON Schema, the reference
page and the reader all derive), the built-in tiers and sizes, loading with every mistake found at
once, and the rules that look at two documents together. What stays out: files, the network, the
clock; the texts to read are parameters. The only files opened are the YAML of the package itself.
"""
