"""Sessions to LoRA adapters, one per variant. The only package that imports torch."""
