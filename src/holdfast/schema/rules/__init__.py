"""The rules: one file each, its name is its id, its docstring its documentation."""
