"""Real transcripts to sessions: reads what people have, cleans it, writes `corpus/real.jsonl`."""
