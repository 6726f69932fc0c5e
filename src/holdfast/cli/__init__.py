"""The command line: parse, ask the API, print. Data go to stdout, everything else to stderr.

Nothing heavy is imported before a command needs it, so that `holdfast --help` is instant:
`main` knows the commands by name only, and each module of `commands` is imported when one of
its commands runs.
"""
