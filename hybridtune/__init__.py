"""The spine of hybridtune: records, configuration, run folder, chat client, serving, judge, CLI.

Nothing in here imports torch. The four stage packages (corpus, generation, training, eval) build on
these modules and never on each other; `hybridtune.cli` composes them.
"""

__version__ = "0.1.0"
