"""The command line: the composition root, which may import every room of the house, lazily."""

from hybridtune.cli.app import main

__all__ = ["main"]
