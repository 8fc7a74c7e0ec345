"""Reference-based metrics of the user's own: local modules of the library `evaluate`, by path.

By name the library would fetch code from the hub; by path it runs what is on the disk. It is part
of the extra `training` and loads torch, so nothing else here needs it.
"""

from collections.abc import Callable
from pathlib import Path

from hybridtune.errors import DataError, InputError


def load_module(path: Path) -> tuple[str, Callable[[str, str], float]]:
    """A metric's name, and itself over one reply and its reference.

    Raises:
        InputError: there is no module at the path, or the library is not installed.
    """
    if not path.exists():
        raise InputError(
            "no such metric module", where=f"--metric {path}",
            fix="give the folder or script of one; names of the hub are not looked up",
        )  # fmt: skip
    try:
        import evaluate  # noqa: PLC0415 - seconds, and only where asked for
    except ImportError:
        raise InputError(
            "the library `evaluate` is not installed", where="--metric", fix="pip install evaluate"
        ) from None
    module = evaluate.load(str(path.resolve()))

    def measure(reply: str, reference: str) -> float:
        found = module.compute(predictions=[reply], references=[reference])
        numbers = [value for value in found.values() if isinstance(value, int | float)]
        if len(numbers) != 1:
            raise DataError(
                f"answers {len(numbers)} numbers, not one", where=str(path), fix="wrap the one"
            )
        return float(numbers[0])

    return path.stem, measure
