"""Every conversation read by the judge.

Reads `eval/conversations.jsonl`; writes `eval/judgments.jsonl`. The judge sees the words of the
conversation and nothing of where they come from. What cannot be judged is missing, with a reason.
"""

import asyncio

from eval.cells import failure_of
from hybridtune.chat.model import ChatModel
from hybridtune.domain import Domain
from hybridtune.errors import StageError
from hybridtune.judge import Verdict, judge_messages
from hybridtune.progress import Reporter
from hybridtune.records import Judgment, Session, read_jsonl, write_jsonl
from hybridtune.runs import Run
from hybridtune.seeds import derive

NOT_ASKED = "nothing to judge: "


async def judge_all(run: Run, domain: Domain, judge: ChatModel, reporter: Reporter) -> None:
    """Judge each conversation `evaluation.judge_samples` times."""
    sessions = read_jsonl(run.eval / "conversations.jsonl", Session)
    settings = run.experiment.evaluation
    readings = [
        (session, sample) for session in sessions for sample in range(settings.judge_samples)
    ]
    with reporter.task("judgments", total=len(readings)) as task:

        async def read(session: Session, sample: int) -> Judgment:
            judgment = await judge_one(run, domain, judge, session, sample)
            task.advance(failed=judgment.scores is None)
            return judgment

        judgments = await asyncio.gather(*(read(*reading) for reading in readings))
    refuse_outage(judgments)
    write_jsonl(run.eval / "judgments.jsonl", judgments)


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
    run: Run, domain: Domain, judge: ChatModel, session: Session, sample: int
) -> Judgment:
    """One reading of one conversation."""
    experiment = run.experiment
    rubric = domain.rubric(experiment.evaluation.rubric)
    if reason := failure_of(session):
        verdict = Verdict(None, f"{NOT_ASKED}no conversation: {reason}", None)
    elif not any(turn.strip() for turn in session.turns("assistant")):
        verdict = Verdict(None, f"{NOT_ASKED}the counselor said nothing", None)
    else:
        verdict = await judge_messages(
            judge,
            domain,
            rubric,
            session.messages,
            sampling=experiment.roles.judge.sampling,
            # By scenario, not by variant: the judge's draw must not depend on whom it reads.
            seed=derive(experiment.seed, "judge", session.provenance["scenario"], sample),
            sample=sample,
            reasks=experiment.evaluation.reasks,
        )
    return Judgment(
        id=f"{session.id}--{rubric.name}--{sample}",
        conversation=session.id,
        scenario=session.provenance["scenario"],
        variant=session.provenance["variant"],
        repeat=session.provenance["repeat"],
        rubric=rubric.name,
        judge=judge.description["name"],
        sample=sample,
        scores=verdict.scores,
        missing=verdict.missing,
        provenance={"judge": judge.description, "call_id": verdict.call_id},
    )
