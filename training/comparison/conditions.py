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
    "disable_tqdm", "logging_steps", "logging_strategy", "project", "report_to", "run_name",
    "save_steps", "save_strategy", "save_total_limit",
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
    "patience": "a held-out loss that rises ends them sooner or later",
    "device": "sums are rounded otherwise",
    "processes": "a step holds other rows",
    "layout": "sums are rounded otherwise",
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
    best = sft.get("load_best_model_at_end")
    idle = WITHOUT_EFFECT - (SAVING if best else set())
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
        "patience": report["patience"] if best else 0,
        **{f"lora.{name}": value for name, value in report["lora"].items()},
        "device": report["device"],
        "processes": report["processes"],
        **{f"layout.{name}": value for name, value in report["layout"].items()},
        **{f"version.{name}": value for name, value in report["versions"].items()},
    }


def data(report: Report) -> dict[str, Any]:
    """What variants are there to differ in, and what follows from it."""
    return {
        "dataset": report["hashes"]["dataset"],
        "shares": report["shares"],
        "budget": report["budget"],
        "mixture seed": (report["mixture"] or {}).get("seed"),
        "trained tokens": report["tokens_in_adapter"],
        "steps": report["best_step"],
    }


def equally_trained(reports: Reports) -> list[list[str]]:
    """The variants in groups of about as many tokens in their adapters, from the fewest on."""
    groups: list[list[str]] = []
    least = 0
    for name in sorted(reports, key=lambda each: int(reports[each]["tokens_in_adapter"])):
        tokens = reports[name]["tokens_in_adapter"]
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
        "tokens in the adapter": report["tokens_in_adapter"],
        "optimizer steps": report["steps"],
        "adapter of step": report["best_step"],
        "chosen by": report["best_by"],
        "stopped early": "yes" if report["stopped_early"] else "no",
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
