"""Which sessions a variant is trained on, and on which its loss is measured.

Reads `corpus/real.jsonl` and `generation/synthetic.jsonl`; writes `held_out.jsonl`,
`dataset.jsonl` and `mixture.json` (which tells how) in `variants/<name>/`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hybridtune.config import Experiment
from hybridtune.config.training import VariantSettings
from hybridtune.errors import ConfigError, DataError
from hybridtune.manifest import digest
from hybridtune.records import Session, read_jsonl, write_json, write_jsonl
from hybridtune.runs import Run
from training.budget import Shares, spend, tokens_of
from training.defaults import SFT
from training.leaks import NearDuplicate, without_near_duplicates
from training.sampling import in_order, rank, take

Count = Callable[[Session], int]
"""How many tokens of a session carry loss."""


@dataclass(frozen=True)
class Pool:
    """What there is to mix.

    Attributes:
        sessions: those that may be trained, by source.
        held_out: those kept to measure the loss on.
        removed: those that are like one of these, by source.
    """

    sessions: dict[str, list[Session]]
    held_out: list[Session]
    removed: dict[str, list[NearDuplicate]]


def write_mixture(run: Run, variant: str, count: Count | None = None) -> tuple[int, int]:
    """Write a variant's training and held-out sessions; returns how many there are of each.

    The held-out sessions are real ones, and the same ones for every variant of an experiment, so
    that their losses can be compared. A session's group (its video, client or
    question) is held out with it, and what is like one of them is not trained.

    Args:
        run: the run folder.
        variant: which variant to mix.
        count: needed where the variant's budget is in trained tokens.

    Raises:
        ConfigError: there is no such variant, or it is the untouched base model.
        DataError: its shares leave nothing to train on.
    """
    experiment = run.experiment
    settings = trained_variant(experiment, variant)
    shares, seed = settings.shares, seed_of(experiment, variant)
    pool = read_pool(run, sources_of(experiment, variant))
    budget = None
    if settings.counts_tokens:
        assert count is not None, "a budget in trained tokens needs a tokenizer"
        shares, budget = spend_tokens(experiment, variant, pool, count)
    sessions = [
        session
        for source, share in shares.items()
        for session in take(pool.sessions[source], share, seed)
    ]
    if not sessions:
        raise DataError(
            "its shares leave no session to train on",
            where=f"variants.{variant}",
            fix="raise its shares or its budget, or lower training.held_out",
        )
    folder = run.variant(variant)
    write_jsonl(folder / "held_out.jsonl", pool.held_out)
    write_jsonl(folder / "dataset.jsonl", in_order(sessions, seed, "mixture"))
    story: dict[str, Any] = {"shares": shares, "seed": seed, "budget": budget}
    story["removed_near_duplicates"] = [
        asdict(each) for source in shares for each in pool.removed[source]
    ]
    write_json(folder / "mixture.json", {"dataset": digest(folder / "dataset.jsonl"), **story})
    return len(sessions), len(pool.held_out)


def trained_variant(experiment: Experiment, variant: str, to: str = "train") -> VariantSettings:
    """The settings of a variant that has an adapter; what one wants `to` do with it is told.

    Raises:
        ConfigError: there is no such variant, or it is the untouched base model.
    """
    settings = experiment.variants.get(variant)
    if settings is None or not settings.trained:
        known = ", ".join(experiment.trained_variants()) or "none"
        raise ConfigError(f"no variant {variant!r} to {to}", fix=f"trained variants: {known}")
    return settings


def sources_of(experiment: Experiment, variant: str) -> tuple[str, ...]:
    """Whose sessions a mixture reads: those of the variant, and of the one that it matches."""
    settings = experiment.variants[variant]
    matched = experiment.variants[settings.match].shares if settings.match else {}
    return tuple(settings.shares | matched)


def session_files(run: Run, variant: str) -> list[Path]:
    """The files without which a variant cannot be mixed."""
    files = {"real": run.corpus / "real.jsonl", "synthetic": run.generation / "synthetic.jsonl"}
    return [files[source] for source in sources_of(run.experiment, variant)]


def seed_of(experiment: Experiment, variant: str) -> int:
    """What draws and orders a variant's sessions; the held-out ones are the experiment's."""
    own = experiment.variants[variant].seed
    return experiment.seed if own is None else own


def spend_tokens(
    experiment: Experiment, variant: str, pool: Pool, count: Count
) -> tuple[Shares, dict[str, Any]]:
    """The shares that come nearest to a budget in trained tokens, and how near that is."""
    settings, seed = experiment.variants[variant], seed_of(experiment, variant)
    sizes = {
        source: {session.id: count(session) for session in sessions}
        for source, sessions in pool.sessions.items()
    }
    if settings.match is None:
        assert settings.trained_tokens is not None
        epochs = (SFT | experiment.training.sft)["num_train_epochs"]
        wanted = settings.trained_tokens / epochs
    else:
        other = experiment.variants[settings.match].shares
        wanted = tokens_of(other, pool.sessions, sizes, seed_of(experiment, settings.match))
    shares = spend(wanted, settings.shares, pool.sessions, sizes, seed)
    budget = {"match": settings.match, "trained_tokens": settings.trained_tokens}
    taken = tokens_of(shares, pool.sessions, sizes, seed)
    return shares, budget | {"wanted_per_epoch": round(wanted), "taken_per_epoch": taken}


def read_pool(run: Run, sources: Collection[str]) -> Pool:
    """What there is to mix: the held-out split, and the rest without what is like a part of it."""
    experiment = run.experiment
    file = run.corpus / "real.jsonl"
    real = read_jsonl(file, Session) if "real" in sources or file.is_file() else []
    held_out, rest = split(real, experiment.training.held_out, experiment.seed)
    found = {"real": rest} if "real" in sources else {}
    if "synthetic" in sources:
        found["synthetic"] = read_jsonl(run.generation / "synthetic.jsonl", Session)
    threshold = experiment.corpus.filters.duplicate_containment
    pool = Pool({}, held_out, {})
    for source, those in found.items():
        kept, near = without_near_duplicates(those, held_out, threshold)
        pool.sessions[source], pool.removed[source] = kept, near
    return pool


def split(
    sessions: Sequence[Session], share: float, seed: int
) -> tuple[list[Session], list[Session]]:
    """Held-out sessions and the rest; no group is on both sides."""
    groups: dict[str, list[Session]] = {}
    for session in in_order(sessions, seed, "held-out"):
        groups.setdefault(group_of(session), []).append(session)
    order = sorted(groups, key=lambda group: rank(group, seed, "held-out"))
    sizes = {group: len(groups[group]) for group in order}
    chosen = held_out_groups(sizes, round(share * len(sessions))) if share else set()
    held_out = [session for group in order if group in chosen for session in groups[group]]
    rest = [session for group in order if group not in chosen for session in groups[group]]
    return held_out, rest


def held_out_groups(sizes: Mapping[str, int], wanted: int) -> set[str]:
    """Groups with about so many sessions: in their order those that fit, and one more if nearer.

    Of two or more groups at least one is chosen and one is not; a single one never is.
    """
    if len(sizes) < 2:
        return set()
    chosen: set[str] = set()
    lacking = wanted
    for group, size in sizes.items():
        if size <= lacking:
            chosen.add(group)
            lacking -= size
    left = [group for group in sizes if group not in chosen]
    if not left:
        return chosen - {min(sizes, key=sizes.__getitem__)}
    nearest = min(left, key=lambda group: abs(lacking - sizes[group]))
    nearer = abs(lacking - sizes[nearest]) < lacking and len(left) > 1
    return chosen | {nearest} if nearer or not chosen else chosen


def group_of(session: Session) -> str:
    """What a session shares with others (a video, a client, a question), else the session alone."""
    group = session.provenance.get("group")
    return f"group {group}" if group else session.id
