"""What a restore test or a drill proves: values in, verdicts out.

Here stand the accounting of acknowledged writes, the comparison of a restored copy with its
source, the criteria of each drill and the promises of a tier. What stays out: restoring, killing
and writing, which the engines do, and the clock: moments and durations are parameters.
"""
