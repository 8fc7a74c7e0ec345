"""Held-out scenarios by the teacher: people of the evaluation side, before there is any session.

Reads `experiment.evaluation.generated`, the domain pack and the real sessions
(`corpus/real.jsonl`). Writes, in `generation/` of the run folder:

    evaluation.jsonl   Scenario   what the variants will be compared on
    evaluation.json    counts, coverage, tokens, failures, and what was replaced for its likeness

Rows are spread over themes and axes by the quotas of the training rows, and written by the same
`Writer` with seeds of its own. Nothing but the request cache is kept besides: a stage that starts
again asks only for what was not answered.

Who is like somebody earlier, or whose scenario shares its words with an earlier one or with a real
session, is replaced: another person with the same decided traits is asked for, `generation.reasks`
times at most. What still is too near then is a failure, as is a call that brings nothing.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from rich.markup import escape

from generation.coverage import LENGTH, Coverage, Row, iter_rows
from generation.meter import Meter
from generation.outputs import head_of
from generation.parting import is_small
from generation.places import Place, fill
from generation.space import THEME, load_space
from generation.split import Split, split_of
from generation.stage import writer_for
from hybridtune.chat.model import ChatModel
from hybridtune.config import Experiment
from hybridtune.config.generation import GenerationSettings
from hybridtune.domain import Domain
from hybridtune.errors import StageError
from hybridtune.overlap import HELD_OUT_SHARED
from hybridtune.progress import Reporter
from hybridtune.records import write_json, write_jsonl
from hybridtune.runs import Run
from hybridtune.scenarios import evaluation_path, is_generated
from hybridtune.seeds import derive


async def write_evaluation(
    run: Run, domain: Domain, teacher: ChatModel, reporter: Reporter
) -> None:
    """Write the held-out scenarios of a run.

    Raises:
        DomainError: the pack has too few combinations to be split.
        ServerError: the teacher's server cannot be used at all.
        StageError: not even half of the scenarios came, or fewer than `evaluation.count`; the files
            are written nevertheless.
    """
    meter = Meter(teacher)
    seed = derive(run.experiment.seed, "evaluation")
    writer = replace(writer_for(run, domain, meter), seed=seed)
    places = [Place(row) for row in evaluation_rows(run.experiment, domain)]
    with reporter.task("evaluation scenarios", total=len(places)) as task:
        await fill(places, writer, run, task)
    write_jsonl(evaluation_path(run, domain), (each.scenario for each in places if each.scenario))
    report = head_of(run, domain, teacher.description) | content(places, run, domain)
    write_json(run.generation / "evaluation.json", report | {"tokens": meter.spent.counts()})
    tell(places, run.experiment.evaluation.count or 0, reporter)


def evaluation_rows(experiment: Experiment, domain: Domain) -> list[Row]:
    """Who is asked for: rows of the evaluation side, one scenario each.

    Raises:
        DomainError: the pack has too few combinations to be split.
    """
    asked = experiment.evaluation.generated
    split = Split(experiment.seed, asked.share)
    seed = derive(experiment.seed, "evaluation")
    return list(iter_rows(domain, one_each(asked.count), seed, None, split.evaluation))


def one_each(count: int) -> GenerationSettings:
    """So many rows of one scenario each; how long a talk is, is not theirs to say."""
    return GenerationSettings(sessions=count, min_exchanges=1, max_exchanges=1)


def check_split(run: Run, domain: Domain) -> None:
    """See that each side of a split has rows: better now than when the scenarios are written.

    Raises:
        DomainError: the pack has too few combinations to be split.
        DataError: the file of the evaluation scenarios is missing, or holds something else.
    """
    experiment = run.experiment
    if is_generated(run):
        evaluation_rows(experiment, domain)
    fits, asked = split_of(run, domain).fits, experiment.generation
    if not fits or not asked.sessions:
        return
    small = is_small(load_space(domain))
    # In a small space what the first block can do, a later one may not, which gives other counts.
    count = -(-asked.sessions // asked.scenarios_per_persona) if small else 1
    deque(iter_rows(domain, one_each(count), experiment.seed, None, fits), maxlen=0)


def content(places: Sequence[Place], run: Run, domain: Domain) -> dict[str, Any]:
    """What `evaluation.json` says of the scenarios."""
    asked = run.experiment.evaluation.generated
    split = Split(run.experiment.seed, asked.share)
    coverage = Coverage(domain, one_each(asked.count))
    for place in places:
        coverage.add(place.row)
        coverage.came("written", place.row, place.scenario is not None, ())
    table = coverage.content()
    del table["axes"][LENGTH]
    for values in table["axes"].values():
        for value in values.values():
            del value["taken"]
    crossed = sum(split.training({THEME: each.row.theme, **each.row.axes}) for each in places)
    failures = [each.failure for each in places if each.failure]
    return {
        "counts": {
            "asked": len(places),
            "written": len(places) - len(failures),
            "failed": len(failures),
        },
        "replaced": sum(bool(each.replaced) and each.failure is None for each in places),
        "limit_shared_8grams": HELD_OUT_SHARED,
        "failures": [each.model_dump() for each in failures],
        "split": split.content(crossed),
        "coverage": table,
    }


def tell(places: Sequence[Place], count: int, reporter: Reporter) -> None:
    """Say what will not come.

    Args:
        places: all.
        count: how many the evaluation will play.
        reporter: who is told.

    Raises:
        StageError: that is more than half, or leaves fewer than will be played.
    """
    failed = [(each, each.failure) for each in places if each.failure]
    if not failed:
        return
    what = f"{len(failed)} of {len(places)} evaluation scenarios did not come"
    first = f"the first for: {failed[0][1].reason}"
    written = len(places) - len(failed)
    enough = 2 * written >= len(places) and written >= count
    fix = "the same command asks only for what is missing"
    if enough:
        fix = "`hybridtune generate` with --force asks for them again"
    if 2 * sum(each.repeats for each, _ in failed) > len(failed):
        # Its answers are in the request cache: asked again, they are the same.
        fix = "the teacher repeats itself: name another one, or raise generation.reasks"
    if not enough:
        few = f"; evaluation.count is {count}" if written < count else ""
        raise StageError(f"{what}, {first}{few} ({fix})")
    reporter.say(f"[yellow]{what}[/], {escape(first)} (generation/evaluation.json; {fix})")
