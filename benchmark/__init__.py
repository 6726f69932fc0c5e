"""The benchmarks: what Holdfast claims about speed, each as a comparison in one run.

`python -m benchmark` measures, keeps the raw runs as JSON in `results/` and renders them into
`docs/reference/benchmarks.md`. Arithmetic and rendering (`arithmetic`, `figures`, `page`) are
pure; the modules named after a benchmark measure, and the rest sets the stage.
"""
