"""Word lists of the de-identification, one entry a line; `generate` makes the long ones."""
