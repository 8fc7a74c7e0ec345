"""What every variant was trained on, and whether the trainings can be compared.

Reads `variants/<variant>/training.json`, and `dataset.jsonl` beside it where it is there: the files
alone, since the stages do not import each other. Writes nothing. `hybridtune train compare` looks
closer.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from eval.claims import enumerated
from hybridtune.records import Session, iter_jsonl, read_json
from hybridtune.runs import Run

Report = Mapping[str, Any]

SAME_TOKENS = 0.05
"""Variants whose trained tokens differ by no more than this count as equally trained."""
CONDITIONS = {
    "base model": ("hashes", "base_model"), "dtype": ("base_model", "dtype"),
    "quantization": ("quantization",), "system prompt": ("hashes", "system_prompt"),
    "chat template": ("hashes", "chat_template"), "held-out sessions": ("hashes", "held_out"),
    "seed": ("seed",), "windows": ("windows",), "LoRA": ("lora",), "device": ("device",),
    "processes": ("processes",), "libraries": ("versions",),
}  # fmt: skip
"""What must be the same, and where it stands; trainer options are looked at one by one."""
IDLE = {
    "disable_tqdm", "logging_steps", "report_to", "run_name", "save_steps", "save_strategy",
    "save_total_limit",
}  # fmt: skip
"""Trainer options that change nothing in what is compared."""


def trainings(run: Run) -> dict[str, Any] | None:
    """`variants`: a row each; `warnings`: sentences; `curves`. None where nothing was recorded."""
    names = run.experiment.trained_variants()
    files = {name: run.variant(name) / "training.json" for name in names}
    reports: dict[str, Any] = {
        name: read_json(path) for name, path in files.items() if path.is_file()
    }
    if not reports:
        return None
    absent = [f"{name}: no training record" for name in names if name not in reports]
    return {
        "variants": {name: row(run.variant(name), one) for name, one in reports.items()},
        "warnings": [*absent, *conditions(reports), *amounts(reports), *worse(reports)],
        "curves": {name: curve(one) for name, one in reports.items()},
    }


def row(folder: Path, report: Report) -> dict[str, Any]:
    """One variant's numbers for the table."""
    data, losses = report["data"], report["held_out_loss"]
    file = folder / "dataset.jsonl"
    sources = Counter(one.source for one in iter_jsonl(file, Session)) if file.is_file() else {}
    removed = report.get("removed_near_duplicates")
    return {
        "sessions": data["sessions"],
        "real": sources.get("real", 0) if sources else None,
        "synthetic": sources.get("synthetic", 0) if sources else None,
        "turns": data["counselor_turns"],
        "duplicates": None if removed is None else len(removed),
        "tokens": report["tokens_trained"],
        "steps": report["steps"],
        "epochs": report["epochs"],
        "before": losses["before"],
        "after": losses["after"],
        "dataset": report["hashes"]["dataset"][:12],
        "adapter": report["hashes"]["adapter"][:12],
    }


def conditions(reports: Mapping[str, Report]) -> Iterable[str]:
    """A sentence for each condition in which the trainings differ, beside their data."""
    tables = {name: found_conditions(report) for name, report in reports.items()}
    for what in dict.fromkeys(what for table in tables.values() for what in table):
        holders: dict[str, list[str]] = {}
        for name, table in tables.items():
            holders.setdefault(table.get(what, "not set"), []).append(name)
        if len(holders) > 1:
            told = ", ".join(f"{value} in {enumerated(who)}" for value, who in holders.items())
            yield f"Not comparable: {what} is {told}."


def found_conditions(report: Report) -> dict[str, str]:
    """Every condition of one training in words, digests by their beginning."""
    found: dict[str, str] = {}
    for what, path in CONDITIONS.items():
        value: Any = report
        for key in path:
            value = value[key] if isinstance(value, Mapping) and key in value else None
        if isinstance(value, Mapping):
            found |= {f"{what} {name}": short(one) for name, one in value.items()}
        else:
            found[what] = short(value)
    options = report["sft"].items()
    return found | {f"option {name}": short(one) for name, one in options if name not in IDLE}


def short(value: Any) -> str:
    """A value in a sentence."""
    text = "none" if value is None else str(value)
    return text if len(text) <= 40 else f"{text[:12]}..."


def amounts(reports: Mapping[str, Report]) -> Iterable[str]:
    """Whether more training alone could explain a difference, by groups of about as many tokens."""
    groups: list[list[str]] = []
    tokens = {name: int(one["tokens_trained"]) for name, one in reports.items()}
    for name in sorted(tokens, key=lambda each: tokens[each]):
        if groups and tokens[name] <= tokens[groups[-1][0]] * (1 + SAME_TOKENS):
            groups[-1].append(name)
        else:
            groups.append([name])
    if len(groups) > 1:
        told = "; ".join(f"{enumerated(group)} {tokens[group[0]]:,}" for group in groups)
        yield (
            f"Trained tokens are not equal ({told}): between these groups, kind and amount of data"
            " cannot be told apart. A control with `match:` can."
        )


def worse(reports: Mapping[str, Report]) -> Iterable[str]:
    """Variants that learnt nothing of use for sessions they had not seen."""
    for name, report in reports.items():
        before, after = report["held_out_loss"]["before"], report["held_out_loss"]["after"]
        if before is not None and after is not None and after >= before:
            yield f"{name}: loss on held-out sessions did not fall ({before:.3f} to {after:.3f})."


def curve(report: Report) -> dict[str, list[tuple[float, float]]]:
    """Losses over trained tokens, in training and on held-out sessions."""
    points = list(report["held_out_curve"])
    if (after := report["held_out_loss"]["after"]) is not None:
        points.append({"tokens_trained": report["tokens_trained"], "loss": after})
    return {
        "training": [(one["tokens_trained"], one["loss"]) for one in report["loss_curve"]],
        "held-out sessions": [(one["tokens_trained"], one["loss"]) for one in points],
    }
