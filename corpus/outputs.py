"""Where an import writes: the files of a run's corpus folder, or the same beside `--out FILE`."""

from dataclasses import dataclass
from pathlib import Path

from hybridtune.errors import InputError


@dataclass(frozen=True)
class Outputs:
    """The files of one import.

    Attributes:
        real: the sessions (Session).
        history: their turns with the raw words (History).
        held: what waits for a person (Held).
        reviews: a person's decisions (ReviewEvent); read here, written by `corpus review`.
        report: what was done, as JSON.
        card: the data card, Markdown.
    """

    real: Path
    history: Path
    held: Path
    reviews: Path
    report: Path
    card: Path

    def all(self) -> tuple[Path, ...]:
        """Every file, the one that is only read among them."""
        return (self.real, self.history, self.held, self.reviews, self.report, self.card)

    @classmethod
    def in_folder(cls, folder: Path) -> "Outputs":
        """The files of a run's corpus folder."""
        return cls(
            folder / "real.jsonl",
            folder / "history.jsonl",
            folder / "held.jsonl",
            folder / "reviews.jsonl",
            folder / "report.json",
            folder / "DATA_CARD.md",
        )

    @classmethod
    def beside(cls, out: Path) -> "Outputs":
        """`sessions.jsonl` with `sessions.history.jsonl` and so on beside it."""

        def name(end: str) -> Path:
            return out.with_name(f"{out.stem}.{end}")

        return cls(
            out,
            name("history.jsonl"),
            name("held.jsonl"),
            name("reviews.jsonl"),
            name("report.json"),
            name("DATA_CARD.md"),
        )

    @classmethod
    def find(cls, place: Path) -> "Outputs":
        """The import that a person means by a run folder, its corpus folder or a file.

        Raises:
            InputError: there is none.
        """
        for folder in (place / "corpus", place):
            for found in (cls.in_folder(folder), cls.beside(folder / "real.jsonl")):
                if found.real.is_file() and found.report.is_file():
                    return found
        if place.is_file():
            return cls.beside(place)
        raise InputError(
            "no imported sessions here",
            where=str(place),
            fix="give a run folder, or the file that `hybridtune import --out FILE` wrote",
        )
