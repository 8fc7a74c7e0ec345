"""150 fabricated scores whose six means are the paper's: integers, with a ceiling, chosen spread.

Nobody knows the paper's single scores. These are drawn by a seed, and say what its means could
support if scores spread as told; they are no data of the paper's.
"""

import random
from pathlib import Path

from fabricated import make_conversation, make_experiment, make_judgment

from eval.published import MEANS, SCENARIOS
from hybridtune.records import Evidence, Scenario, write_jsonl
from hybridtune.runs import Run

JUDGE = {"kind": "attached", "name": "big-judge"}


def scores_with_mean(mean: float, deviations: list[float]) -> list[int]:
    """Integers from 1 to 10 around a mean that come to it exactly, ordered as the deviations."""
    target = round(mean * len(deviations))
    scores = [min(10, max(1, round(mean + one))) for one in deviations]
    order = random.Random(target).sample(range(len(scores)), len(scores))
    while (gap := target - sum(scores)) != 0:
        step = 1 if gap > 0 else -1
        movable = [place for place in order if 1 <= scores[place] + step <= 10]
        for place in movable[: abs(gap)]:
            scores[place] += step
    return scores


def paper_scores(sd: float, seed: int = 0) -> dict[str, dict[str, list[int]]]:
    """By variant and measure, 50 scores; `sd` is of one variant, beside what scenarios share."""
    rng = random.Random(f"paper/{seed}/{sd}")
    difficulty = [rng.gauss(0, 0.4) for _ in range(SCENARIOS)]
    found: dict[str, dict[str, list[int]]] = {}
    for measure, means in MEANS.items():
        for variant, mean in means.items():
            deviations = [shared + rng.gauss(0, sd) for shared in difficulty]
            found.setdefault(variant, {})[measure] = scores_with_mean(mean, deviations)
    return found


def make_paper_run(path: Path, sd: float, resamples: int = 400) -> Run:
    """A run folder with these scores, judged by one model that is not scripted."""
    run = Run(path, make_experiment("remote", resamples=resamples))
    scores = paper_scores(sd)
    names = [f"s{number:02d}" for number in range(SCENARIOS)]
    conversations, judgments = [], []
    for number, name in enumerate(names):
        for variant in run.experiment.variants:
            talk = make_conversation(name, variant, 0, number, JUDGE)
            judged = make_judgment(talk, 0, (5, 5), random.Random(0), JUDGE, fails=False)
            given = {m: Evidence(score=column[number]) for m, column in scores[variant].items()}
            conversations.append(talk)
            judgments.append(judged.model_copy(update={"scores": given}))
    held_out = [
        Scenario(id=name, domain="test", persona={}, scenario={"summary": name}) for name in names
    ]
    write_jsonl(run.eval / "scenarios.jsonl", held_out)
    write_jsonl(run.eval / "conversations.jsonl", conversations)
    write_jsonl(run.eval / "judgments.jsonl", judgments)
    return run
