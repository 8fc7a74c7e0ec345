"""Merges an adapter into its base, as a model that needs no PEFT, and measures what that changes.

    python -m training.merge --run runs/demo --variant real --out merged/real

Reads `variants/<name>/adapter/`, `training.json` and the variant's sessions. Writes the folder
`--out`: weights in the base's dtype, tokenizer, chat template, `README.md` (the model card) and
`merge.json` (the differences in logits between base with adapter and the merged model).
"""

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, PreTrainedModel

from hybridtune.config.training import BaseModelSettings
from hybridtune.domain import Domain, load_domain
from hybridtune.errors import DataError, HybridtuneError
from hybridtune.records import Session, read_json, read_jsonl, write_json
from hybridtune.runs import Run, load_run
from training.card import further_rows
from training.data import rows_of
from training.hub import push
from training.report import model_card
from training.template import Chat, serving_chat

PROMPTS = 4
POSITIONS = 64
QUANTISED = (
    "the adapter was trained against a quantised base and is merged into the unquantised one, "
    "whose weights it never saw: compare it with the served adapter before you use it"
)


def main() -> int:
    """Merge, and push if asked to; a problem that the user can solve is one line."""
    parser = argparse.ArgumentParser(prog="training.merge", description="Merge one adapter.")
    parser.add_argument("--run", type=Path, required=True, help="run folder")
    parser.add_argument("--variant", required=True, help="whose adapter")
    parser.add_argument("--domain", help="folder of the domain pack, instead of the experiment's")
    parser.add_argument("--out", type=Path, required=True, help="folder that is not there yet")
    parser.add_argument("--push", help="hub id to upload to, as a private repository")
    options = parser.parse_args()
    try:
        run = load_run(options.run)
        domain = load_domain(options.domain or run.experiment.domain)
        merge(run, options.variant, domain, options.out)
        if options.push:
            push(options.out, options.push)
    except HybridtuneError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def merge(run: Run, variant: str, domain: Domain, out: Path) -> dict[str, Any]:
    """Write the merged model and return what `merge.json` says.

    Raises:
        DataError: `out` is there already, or the variant has no finished adapter.
    """
    if out.exists():
        raise DataError("there already", where=str(out), fix="name a new folder")
    experiment, folder = run.experiment, run.variant(variant)
    report = read_json(folder / "training.json")
    chat = serving_chat(experiment, domain.system_prompt)
    prompts = prompts_of(run, variant, chat, domain)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        found = write_merged(experiment.model, folder / "adapter", chat, prompts, part)
        found |= {"variant": variant, "adapter": report["hashes"]["adapter"]}
        found["warnings"] = [QUANTISED] if report["quantization"] else []
        write_json(part / "merge.json", found)
        rows = further_rows(run, variant) | {"merged": merged_words(found)}
        card = model_card(report, experiment, domain, rows, merged=True)
        (part / "README.md").write_text(card, encoding="utf-8")
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return found


def write_merged(
    base: BaseModelSettings, adapter: Path, chat: Chat, prompts: list[list[int]], folder: Path
) -> dict[str, Any]:
    """Merge, save, load what was saved, and compare."""
    tuned = PeftModel.from_pretrained(load(base.name, base.revision, base.dtype), str(adapter))
    wanted = logits(tuned, prompts)
    tuned.merge_and_unload(safe_merge=True).save_pretrained(folder)
    chat.tokenizer.save_pretrained(folder)
    del tuned
    return {"dtype": base.dtype} | compare(wanted, logits(load(folder, None, base.dtype), prompts))


def load(name: str | Path, revision: str | None, dtype: str) -> PreTrainedModel:
    """A model with unquantised weights, on the GPU if there is one."""
    model = AutoModelForCausalLM.from_pretrained(name, revision=revision or "main", dtype=dtype)
    return model.to("cuda" if torch.cuda.is_available() else "cpu")


def prompts_of(run: Run, variant: str, chat: Chat, domain: Domain) -> list[list[int]]:
    """The first windows that the variant was trained on, as tokens."""
    sessions = read_jsonl(run.variant(variant) / "dataset.jsonl", Session)[:PROMPTS]
    rows, _ = rows_of(sessions, chat, run.experiment.training, domain.settings.opener)
    return [row.input_ids for row in rows[:PROMPTS]]


def logits(model: torch.nn.Module, prompts: list[list[int]]) -> list[torch.Tensor]:
    """The logits at the last positions of each prompt, in float32."""
    model.eval()
    found = []
    with torch.inference_mode():
        for prompt in prompts:
            ids = torch.tensor([prompt], device=next(model.parameters()).device)
            found.append(model(input_ids=ids).logits[0, -POSITIONS:].float().cpu())
    return found


def compare(wanted: list[torch.Tensor], found: list[torch.Tensor]) -> dict[str, Any]:
    """How far two models' logits are apart, and how often they agree on the likeliest token."""
    one, other = torch.cat(wanted), torch.cat(found)
    difference = (one - other).abs()
    return {
        "prompts": len(wanted),
        "positions": len(one),
        "largest_difference": difference.max().item(),
        "mean_difference": difference.mean().item(),
        "standard_deviation_of_logits": one.std().item(),
        "same_likeliest_token": (one.argmax(-1) == other.argmax(-1)).float().mean().item(),
    }


def merged_words(found: dict[str, Any]) -> str:
    """The comparison for a card."""
    words = (
        f"into the base's weights, {found['dtype']}; logits against base with adapter differ by "
        f"{found['largest_difference']:.2g} at most and {found['mean_difference']:.2g} on average "
        f"({found['positions']} positions), the likeliest token is the same at "
        f"{found['same_likeliest_token']:.1%}"
    )
    return ". ".join([words, *found["warnings"]])


if __name__ == "__main__":
    sys.exit(main())
