"""The micro base model: a toy chat model of a few million parameters, made from text of our own.

The demo and the tests need a real model where no model hub can be reached. This package composes
dialogues from the phrase files beside it, trains a tokenizer and a small Llama on them, and writes
the folder that is shipped as `examples/micro`.

Run: python -m training.micro --out examples/micro
"""
