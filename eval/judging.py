"""Every conversation read by every judge, by every rubric.

Reads `eval/conversations.jsonl`; writes `eval/judgments.jsonl`. A judge sees the words of the
conversation, without names that give its maker away, and nothing of where they come from. What
cannot be judged is missing, with a reason.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from eval.cells import failure_of
from eval.masking import Mask, mask_of
from hybridtune.chat.model import ChatModel
from hybridtune.config.experiment import PANEL
from hybridtune.domain import Domain, Rubric
from hybridtune.errors import ConfigError, StageError
from hybridtune.judge import Verdict, judge_messages
from hybridtune.progress import Reporter
from hybridtune.records import Judgment, Session, read_jsonl, write_jsonl
from hybridtune.runs import Run
from hybridtune.seeds import derive

NOT_ASKED = "nothing to judge: "


@dataclass(frozen=True)
class Reader:
    """A judge at work: its model, its role, what records call it, and what it must not see."""

    model: ChatModel
    role: str
    name: str
    mask: Mask


async def judge_all(
    run: Run,
    domain: Domain,
    judge: ChatModel,
    reporter: Reporter,
    *,
    role: str = "judge",
    earlier: Sequence[Judgment] = (),
) -> list[Judgment]:
    """Let one judge read each conversation `evaluation.judge_samples` times by every rubric.

    Args:
        run: the run, with its conversations.
        domain: the pack.
        judge: the model.
        reporter: shows how far it is.
        role: the judge's role in the experiment.
        earlier: what the judges before it have said; it stays in the file.

    Returns:
        All judgments that the file holds now.
    """
    sessions = read_jsonl(run.eval / "conversations.jsonl", Session)
    settings = run.experiment.evaluation
    reader = reader_of(run, domain, judge, role)
    rubrics = [domain.rubric(name) for name in rubrics_of(run)]
    readings = [
        (session, rubric, sample)
        for rubric in rubrics
        for session in sessions
        for sample in range(settings.judge_samples)
    ]
    with reporter.task(f"judgments by {reader.name}", total=len(readings)) as task:

        async def read(session: Session, rubric: Rubric, sample: int) -> Judgment:
            judgment = await judge_one(run, domain, reader, session, rubric, sample)
            task.advance(failed=judgment.scores is None)
            return judgment

        judgments = await asyncio.gather(*(read(*reading) for reading in readings))
    refuse_outage(judgments)
    everything = [*earlier, *judgments]
    write_jsonl(run.eval / "judgments.jsonl", everything)
    return everything


def rubrics_of(run: Run) -> list[str]:
    """The rubrics that judges apply, the evaluation's own first, each once."""
    settings = run.experiment.evaluation
    return list(dict.fromkeys([settings.rubric, *settings.judging.rubrics]))


def reader_of(run: Run, domain: Domain, judge: ChatModel, role: str) -> Reader:
    """A judge with its name in the panel, or else its model's.

    Raises:
        ConfigError: somebody in the panel has the name of the first judge's model.
    """
    mask = mask_of(run.experiment, domain)
    if role.startswith(PANEL):
        return Reader(judge, role, role.removeprefix(PANEL), mask)
    name = str(judge.description["name"])
    if name in run.experiment.evaluation.judging.judges:
        raise ConfigError(
            f"is also the name of roles.judge's model: {name!r}",
            where=f"evaluation.judging.judges.{name}",
            fix="name the judge otherwise, so that records tell the two apart",
        )
    return Reader(judge, role, name, mask)


def judges_named(judgments: Sequence[Judgment]) -> dict[str, list[Judgment]]:
    """Judgments by the judge who gave them, in the order of the file."""
    found: defaultdict[str, list[Judgment]] = defaultdict(list)
    for judgment in judgments:
        found[judgment.judge].append(judgment)
    return dict(found)


def refuse_outage(judgments: list[Judgment]) -> None:
    """A judge that was away is not a finished evaluation; what it did answer is in the cache.

    Raises:
        StageError: more than a tenth of the verdicts that were asked for are missing.
    """
    asked = [one for one in judgments if not (one.missing or "").startswith(NOT_ASKED)]
    missing = [one.missing for one in asked if one.missing is not None]
    if len(missing) * 10 > len(asked):
        raise StageError(
            f"{len(missing)} of {len(asked)} judgments are missing, first: {missing[0]} "
            "(mend the judge; the same command asks only for these again)"
        )


async def judge_one(
    run: Run, domain: Domain, reader: Reader, session: Session, rubric: Rubric, sample: int
) -> Judgment:
    """One reading of one conversation."""
    experiment = run.experiment
    if reason := failure_of(session):
        verdict = Verdict(None, f"{NOT_ASKED}no conversation: {reason}", None)
    elif not any(turn.strip() for turn in session.turns("assistant")):
        verdict = Verdict(None, f"{NOT_ASKED}the counselor said nothing", None)
    else:
        verdict = await judge_messages(
            reader.model,
            domain,
            rubric,
            reader.mask.messages(session.messages),
            sampling=experiment.role(reader.role).sampling,
            # By scenario, not by variant: the judge's draw must not depend on whom it reads.
            seed=derive(experiment.seed, "judge", session.provenance["scenario"], sample),
            sample=sample,
            reasks=experiment.evaluation.reasks,
        )
    panel = [reader.role] if reader.role.startswith(PANEL) else []
    return Judgment(
        id="--".join([session.id, rubric.name, *panel, str(sample)]),
        conversation=session.id,
        scenario=session.provenance["scenario"],
        variant=session.provenance["variant"],
        repeat=session.provenance["repeat"],
        rubric=rubric.name,
        judge=reader.name,
        sample=sample,
        scores=verdict.scores,
        missing=verdict.missing,
        provenance={"judge": reader.model.description, "call_id": verdict.call_id},
    )
