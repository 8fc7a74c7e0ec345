"""Which sessions a variant is trained on, and on which its loss is measured.

Reads `corpus/real.jsonl` and `generation/synthetic.jsonl`; writes `variants/<name>/dataset.jsonl`
and `variants/<name>/held_out.jsonl`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from hybridtune.errors import ConfigError, DataError
from hybridtune.records import Session, read_jsonl, write_jsonl
from hybridtune.runs import Run


def write_mixture(run: Run, variant: str) -> tuple[int, int]:
    """Write a variant's training and held-out sessions; returns how many there are of each.

    The held-out sessions are real ones, and the same ones for every variant of an experiment, so
    that their losses can be compared. A session's group (its video, client or
    question) is held out with it.

    Raises:
        ConfigError: there is no such variant, or it is the untouched base model.
        DataError: its shares leave nothing to train on.
    """
    experiment = run.experiment
    settings = experiment.variants.get(variant)
    if settings is None or not settings.trained:
        known = ", ".join(experiment.trained_variants()) or "none"
        raise ConfigError(f"no variant {variant!r} to train", fix=f"trained variants: {known}")
    seed = experiment.seed
    real_path = run.corpus / "real.jsonl"
    real = read_jsonl(real_path, Session) if settings.real or real_path.is_file() else []
    held_out, rest = split(real, experiment.training.held_out, seed)
    sessions = take(rest, settings.real, seed)
    if settings.synthetic:
        synthetic = read_jsonl(run.generation / "synthetic.jsonl", Session)
        sessions += take(synthetic, settings.synthetic, seed)
    if not sessions:
        raise DataError(
            "its shares leave no session to train on",
            where=f"variants.{variant}",
            fix="raise the shares, or lower training.held_out",
        )
    folder = run.variant(variant)
    write_jsonl(folder / "held_out.jsonl", held_out)
    write_jsonl(folder / "dataset.jsonl", in_order(sessions, seed, "mixture"))
    return len(sessions), len(held_out)


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


def take(sessions: Sequence[Session], share: float, seed: int) -> list[Session]:
    """Every session `share` times: whole copies of all, and the broken rest as a sample.

    A smaller share's sample is part of a larger share's.
    """
    copies, rest = divmod(share, 1)
    taken = [copy_of(session, number) for number in range(int(copies)) for session in sessions]
    sample = in_order(sessions, seed, "sample")[: round(rest * len(sessions))]
    return taken + [copy_of(session, int(copies)) for session in sample]


def copy_of(session: Session, number: int) -> Session:
    """The first copy is the session itself, the second has "#2" after its id, and so on."""
    return session.model_copy(update={"id": f"{session.id}#{number + 1}"}) if number else session


def in_order(sessions: Iterable[Session], seed: int, purpose: str) -> list[Session]:
    """An order that depends on each session's id and the seed, but not on the other sessions."""
    return sorted(sessions, key=lambda session: rank(session.id, seed, purpose))


def rank(name: str, seed: int, purpose: str) -> str:
    """A place in an order that has nothing to do with the name."""
    return hashlib.sha256(f"{seed}:{purpose}:{name}".encode()).hexdigest()
