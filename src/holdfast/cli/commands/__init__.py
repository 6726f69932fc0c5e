"""The commands, a module a family. Each is imported when one of its commands runs."""
