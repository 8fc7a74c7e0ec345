"""`hybridtune merge`: a variant's adapter merged into the base model, and how well that went."""

from pathlib import Path

from rich.console import Console

from hybridtune.cli.reproduce import find_run
from hybridtune.domain import load_domain
from hybridtune.places import check_run_places
from hybridtune.progress import Reporter
from hybridtune.runs import load_run
from training.merging import merge_variant


def merge(folder: Path, variant: str, out: Path, repository: str | None) -> None:
    """Merge, compare, and print the differences.

    Raises:
        HybridtuneError: there is nothing to merge, or it failed.
    """
    run = load_run(find_run(folder))
    check_run_places(run, [])
    domain = load_domain(run.experiment.domain)
    found = merge_variant(run, variant, domain, out, repository, Reporter())
    console = Console()
    for warning in found["warnings"]:
        console.print(f"[yellow]warning:[/] {warning}", soft_wrap=True)
    console.print(
        f"merged model: {out}  ({found['dtype']})\n"
        f"logits against base + adapter, {found['positions']} positions of {found['prompts']} "
        f"prompts: largest difference {found['largest_difference']:.3g}, mean "
        f"{found['mean_difference']:.3g}; same likeliest token at "
        f"{found['same_likeliest_token']:.1%}",
        soft_wrap=True,
        highlight=False,
    )
    if repository:
        console.print(f"pushed to {repository} (private)", highlight=False)
