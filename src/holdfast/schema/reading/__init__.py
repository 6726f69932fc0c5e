"""From files to migrations: what every tool's convention is made of.

`files` groups what was read by folder, `split` finds the statements of a text, `placeholders` makes
templates parse, `directives` reads the comments that are meant for us, `problems` has everything
that a reader can complain about.
"""
