"""The layers of proof of a backup, one file each. See `recovery.layer` for what a file holds."""
