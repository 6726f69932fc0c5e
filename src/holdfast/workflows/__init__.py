"""What Holdfast does to the world, one module a verb, as durable sequences of steps.

A module with a `KIND` and an async function `body(run, request)` is a workflow; `registry` finds
it. A body decides with the pure rooms and acts only inside `run.step` or `run.graph`: what a
step returned is never done again, also not by the next process after a crash. `runtime` alone
knows the workflow library.
"""
