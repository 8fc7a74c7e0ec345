"""Synthetic sessions: personas, scenarios, sessions, ranking and review."""
