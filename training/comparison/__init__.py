"""Trainings side by side: whether they can be compared, in words and drawn.

Reads `variants/<name>/training.json` (through the caller). Apart from the modules that train, so
that a change here makes no adapter stale.
"""
