"""The work of `benchmarks.generation` by other pipelines, each in an environment of its own."""
