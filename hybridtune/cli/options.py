"""Arguments and options that several commands share, and the values that some of them take.

The values are told here a second time, for help and shell completion: reading them from the
configuration would make `hybridtune --help` wait for pydantic. A test compares the two.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

FORMATS = (
    "auto", "captions", "json3", "whisper", "text", "docx", "pdf", "table", "esconv", "chat", "qa"
)  # fmt: skip
PRESETS = ("annomi", "hope", "epitome", "counselchat")
KINDS = ("roleplay", "consented", "clinical", "public-qa", "unstated")
RIGHTS = ("own", "public-domain", "licensed", "permission", "local-use", "unstated")
LEVELS = ("keep", "light", "medium")
EXPORTS = ("openai", "sharegpt", "session")
DECISIONS = ("approve", "swap", "reject", "undo")
ENGINES = ("local", "ray")
SCENARIO_FORMATS = ("jsonl", "csv", "cactus")
VERDICTS = ("accept", "edit", "reject", "undo")


def one_of(values: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Shell completion from a list of values."""

    def complete(incomplete: str) -> list[str]:  # typer looks at the argument's name
        return [value for value in values if value.startswith(incomplete)]

    return complete


ConfigFile = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The experiment, e.g. configs/demo.yaml.")
]
RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run folder, e.g. runs/demo, or its name.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key, e.g. --set training.sft.max_steps=10. May be repeated. The run "
        "then gets a folder of its own, unless --run names one.",
    ),
]
Place = Annotated[
    str | None,
    typer.Option("--run", metavar="NAME", help="Run folder: a name under runs/, or a path."),
]
