"""Holdfast: a self-hosted database platform that proves its promises."""

__version__ = "0.1.0"
