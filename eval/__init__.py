"""Variants x held-out scenarios: conversations, judgments, statistics and the report."""
