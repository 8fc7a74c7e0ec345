"""Which variants can be compared, and in what: several `training.json`, side by side.

What differs by design is the data, and with it how much was trained. All else must be the same, or
a difference in the answers may come from there. Pure functions over what the files say.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Report = Mapping[str, Any]
Reports = Mapping[str, Report]
"""Each variant's `training.json`, by what it is called here."""

SAME_TOKENS = 0.05
"""Variants whose trained tokens differ by no more than this count as equally trained."""
WITHOUT_EFFECT = {
    "disable_tqdm", "hub_model_id", "logging_steps", "logging_strategy", "project", "push_to_hub",
    "report_to", "run_name", "save_steps", "save_strategy", "save_total_limit",
}  # fmt: skip
"""Options of TRL that change nothing in the adapter; saving, while the last one is kept."""
SAVING = {"save_steps", "save_strategy"}
WHY = {
    "base model": "they start from other weights",
    "dtype": "they start from other weights",
    "quantization": "their adapters correct another base",
    "system prompt": "every row begins otherwise",
    "chat template": "every row is rendered otherwise",
    "windows": "the same sessions become other rows",
    "seed": "adapters start elsewhere, and rows come in another order",
    "held-out sessions": "their held-out losses are of other sessions",
    "lora": "their adapters have other shapes or other freedom",
    "sft": "they are trained otherwise",
    "device": "sums are rounded otherwise",
    "processes": "a step holds other rows",
    "version": "the libraries may compute otherwise",
}


def compare(reports: Reports) -> dict[str, Any]:
    """What is not to be compared, what differs by design, and what was equally trained."""
    spoiling = [
        {"what": what, "why": WHY[what.partition(".")[0]], "values": values}
        for what, values in differing(conditions, reports)
    ]
    return {
        "comparable": not spoiling,
        "not_comparable": spoiling,
        "by_design": [
            {"what": what, "values": values} for what, values in differing(data, reports)
        ],
        "equally_trained": equally_trained(reports),
        "variants": {name: summary(report) for name, report in reports.items()},
    }


def differing(
    part: Callable[[Report], dict[str, Any]], reports: Reports
) -> Iterable[tuple[str, dict[str, Any]]]:
    """The entries that are not the same in all variants, with each one's value."""
    found = {name: part(report) for name, report in reports.items()}
    for what in dict.fromkeys(what for entries in found.values() for what in entries):
        values = {name: entries.get(what) for name, entries in found.items()}
        first, *others = values.values()
        if any(other != first for other in others):
            yield what, values


def conditions(report: Report) -> dict[str, Any]:
    """All that must be the same, by names that begin with a key of `WHY`."""
    hashes, sft = report["hashes"], report["sft"]
    idle = WITHOUT_EFFECT - (SAVING if sft.get("load_best_model_at_end") else set())
    return {
        "base model": hashes["base_model"],
        "dtype": report["base_model"]["dtype"],
        "quantization": report["quantization"],
        "system prompt": hashes["system_prompt"],
        "chat template": hashes["chat_template"],
        "held-out sessions": hashes["held_out"],
        "seed": report["seed"],
        **{f"windows.{name}": value for name, value in report["windows"].items()},
        **{f"sft.{name}": value for name, value in sft.items() if name not in idle},
        **{f"lora.{name}": value for name, value in report["lora"].items()},
        "device": report["device"],
        "processes": report["processes"],
        **{f"version.{name}": value for name, value in report["versions"].items()},
    }


def data(report: Report) -> dict[str, Any]:
    """What variants are there to differ in, and what follows from it."""
    return {
        "dataset": report["hashes"]["dataset"],
        "shares": report["shares"],
        "budget": report["budget"],
        "mixture seed": (report["mixture"] or {}).get("seed"),
        "trained tokens": report["tokens_trained"],
        "steps": report["steps"],
    }


def equally_trained(reports: Reports) -> list[list[str]]:
    """The variants in groups of about as many trained tokens, from the fewest on."""
    groups: list[list[str]] = []
    least = 0
    for name in sorted(reports, key=lambda each: int(reports[each]["tokens_trained"])):
        tokens = reports[name]["tokens_trained"]
        if groups and tokens <= least * (1 + SAME_TOKENS):
            groups[-1].append(name)
        else:
            groups.append([name])
            least = tokens
    return groups


def summary(report: Report) -> dict[str, Any]:
    """A variant's numbers, as they stand below each other."""
    curve = [point["loss"] for point in report["loss_curve"]]
    removed = report["removed_near_duplicates"]
    return {
        "sessions": report["data"]["sessions"],
        "near-duplicates removed": None if removed is None else len(removed),
        "windows": report["data"]["windows"],
        "tokens seen": report["tokens_seen"],
        "tokens trained": report["tokens_trained"],
        "optimizer steps": report["steps"],
        "epochs": report["epochs"],
        "first loss": curve[0] if curve else None,
        "last loss": curve[-1] if curve else None,
        "held-out loss before": report["held_out_loss"]["before"],
        "held-out loss after": report["held_out_loss"]["after"],
        "tokens/s": report["tokens_per_s"],
        "peak memory, GiB": round(report["peak_memory_bytes"] / 2**30, 2),
        "training, s": report["seconds"]["train"],
        "resumed from step": report["resumed_from_step"],
        "dataset": report["hashes"]["dataset"][:12],
        "adapter": report["hashes"]["adapter"][:12],
    }
