"""The criteria of each drill; a module's name is the drill's id, with hyphens."""
