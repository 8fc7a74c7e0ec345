"""The eval stage's numbers: three variants compared on the same scenarios, in one JSON document.

Reads `eval/scenarios.jsonl`, `eval/overlap.json`, `eval/conversations.jsonl`,
`eval/judgments.jsonl` and, where there is one, `eval/embeddings.json`.
Writes `eval/analysis.json`; the table, the figures and the report read nothing else for numbers.
"""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from eval.attempts import attempts
from eval.breakdown import reply_words, themes
from eval.cells import (
    Cells,
    Material,
    failure_of,
    gather,
    load_material,
    scenario_of,
    variant_of,
    words_per_turn,
)
from eval.claims import claims, consistency, notes
from eval.consistency import Scale, spread, spread_contrasts
from eval.contrasts import contrasts, pairs, silence
from eval.embeddings import embeddings_of, nearness_of
from eval.indicators import indicators, means
from eval.judge_quality import any_scripted, judge_quality
from eval.pairwise import analyse_pairs
from eval.rubrics import further_rubrics
from eval.served import identical_replies, prove_recorded
from eval.statistics.components import components
from eval.statistics.describe import summary
from hybridtune.config import ROLES, Experiment
from hybridtune.config.evaluation import GENERATED
from hybridtune.domain import Domain, Rubric
from hybridtune.records import Session, read_json, write_json
from hybridtune.runs import Run

TOY = ("examples", "micro")
"""Where the embedded base model lies, as the end of its path."""


def analyse(run: Run, domain: Domain) -> dict[str, Any]:
    """Compute every number of the comparison and write `eval/analysis.json`.

    The document's keys; a number that cannot be given is null, never 0 and never NaN:

        experiment, domain   names
        rubric               {name, title, low, high, dimensions: {name: question}}
        shares               {variant: {real, synthetic}}: what each was trained on
        reference            the variant that the others are compared with first
        models               {role: [{kind, name}]} as the records say, or the configuration
        scripted, toy        whether any role is scripted; whether the base model is the micro one
        design               {scenarios, repeats, judge_samples, alpha, margin, resamples, seed,
                             tests, fails_at}; a score <= fails_at (low third) is a failure
        scenarios            ids, in the order of `values`
        scenario_writers     [{kind, name}]: models that wrote scenarios; empty for people's
        variants             {variant: {measure: {n, mean, sd, median, low, high, q1, q3}}}, n in
                             scenarios; measures are the rubric's dimensions and "combined", their
                             mean; q1 and q3 are quartiles
        values               {variant: {measure: [one number or null per scenario]}}
        contrasts            [{a, b, measure, declared, n, mean_a, mean_b, difference, sd,
                             planning_sd, low, high, t_low, t_high, t, df, p_t, p, p_holm,
                             p_equivalence, p_equivalence_holm, mdd_single, mdd, judges, length,
                             wins: {wins, ties, losses, share, low, high},
                             effects: {mean_difference, dz, d_av, cliffs_delta: {value, low, high}},
                             verdict, withheld}], difference = a - b; p is the sign-flip test's;
                             mdd holds at the first step of Holm's correction; low and high are
                             the bootstrap-t interval, t_low and t_high Student's, neither is
                             corrected; no verdict: `withheld` tells why
                             judges: null for one judge, else {n, low, high, p, p_equivalence, df,
                             error, judge_sd, leave_one_out: {judge: difference}}, already in p,
                             p_equivalence, low, high and planning_sd
                             length: {n, value, low, high, per_doubling, p_length}: the difference
                             at equal words per turn, and the points that twice the words go with
        components           {measure: {scenario_variant, rerun, judge_noise, judge_variant}}: SDs
                             that `hybridtune power` plans with
        judges               names of the judges that gave a usable verdict
        spread               {variants: {variant: {measure: {sd, rerun_sd, conversations, failures,
                             failure_rate, low, high}}},
                             contrasts: [{a, b, measure, n, ratio, low, high, ceiling_ratio, p,
                             p_flip, rerun: {n, ratio, p} or null, failed_a, failed_b,
                             p_failures}]}, ceiling_ratio: the ratio that the means alone give
        missing              {variant: {planned, present, missing, share, reasons: {reason: count}}}
        conversations        {variant: {total, marker, cap, failed, other}}: how they ended
        simulation           {variant: {conversations, tries, thrown, again, invalid, reasons}}: a
                             try is thrown away where the patient left its role
        overlap              {run_of_words, limit_shared, scenarios, sources: {source: {sessions,
                             sharing, share, scenarios_touched, most_shared, nearest: {session,
                             scenario}}}}: how near training sessions come; null if not measured
        nearness             the same by embeddings (eval/nearness.py): {measured, model, counts,
                             threshold, references, variants: {variant: {told, said}}}; where it
                             is not measured, {measured: false, why}
        words                {variant: {turns, n, mean, sd, median}} per counselor turn, n in
                             scenarios; the same count as in `indicators` and `length`
        themes, reply_words  eval/breakdown.py: scores by theme, reply length by scenario
        indicators           {names: {name: meaning}, variants: {variant: {name: summary}},
                             unmeasured: {name: why}}: without a judge, no scores
        further_rubrics      scores by `evaluation.judging.rubrics` (eval/rubrics.py)
        comparisons          wins in pairs and Bradley-Terry strengths, or null (eval/pairwise.py)
        judge_quality        calibration, probes and audit of the judges (eval/judge_quality.py)
        identical_replies    [{a, b, n, same}]: conversations whose first replies are the same
        claims, notes        plain sentences: what can be said, and what to know beforehand
        consistency          the same about spread, reruns and failures
    """
    experiment = run.experiment
    rubric = domain.rubric(experiment.evaluation.rubric)
    material = load_material(run)
    prove_recorded(run, material.conversations)
    cells = gather(material, run, list(rubric.dimensions))
    nearness, embedded = run.eval / "overlap.json", embeddings_of(run)
    analysis: dict[str, Any] = jsonable(
        {
            **describe_experiment(experiment, domain.name, rubric, material),
            **compute(cells, material, experiment, rubric),
            "indicators": indicators(
                material, experiment.variants, domain, experiment.evaluation.alpha, embedded
            ),
            "further_rubrics": further_rubrics(run, domain),
            "comparisons": analyse_pairs(run),
            "overlap": read_json(nearness) if nearness.is_file() else None,
            "nearness": nearness_of(embedded),
        }
    )
    analysis["judge_quality"] = judge_quality(run, analysis["models"]["judge"])
    if any_scripted(analysis):
        silence(analysis["contrasts"], "the judge is scripted")
    analysis["claims"], analysis["notes"] = claims(analysis), notes(analysis)
    analysis["consistency"] = consistency(analysis)
    write_json(run.eval / "analysis.json", analysis)
    return analysis


def describe_experiment(
    experiment: Experiment, domain: str, rubric: Rubric, material: Material
) -> dict[str, Any]:
    """The part of the analysis that says what was compared, and by whom."""
    settings, names = experiment.evaluation, list(experiment.variants)
    models = models_of(experiment, material)
    couples = len(names) * (len(names) - 1) // 2
    return {
        "experiment": experiment.name,
        "domain": domain,
        "rubric": {
            "name": rubric.name, "title": rubric.title, "low": rubric.low, "high": rubric.high,
            "dimensions": {name: one.question for name, one in rubric.dimensions.items()},
        },
        "shares": {
            name: {"real": variant.real, "synthetic": variant.synthetic}
            for name, variant in experiment.variants.items()
        },
        "reference": settings.reference,
        "models": models,
        "scenario_writers": distinct(writers_of(material)),
        "scripted": any(one["kind"] == "scripted" for kind in models.values() for one in kind),
        "toy": Path(experiment.model.name).parts[-2:] == TOY,
        "design": {
            "scenarios": len(material.scenarios), "repeats": settings.repeats,
            "judge_samples": settings.judge_samples, "alpha": settings.alpha,
            "margin": settings.margin, "resamples": settings.resamples, "seed": experiment.seed,
            "tests": couples * len(rubric.dimensions), "fails_at": fails_at(rubric),
        },
    }  # fmt: skip


def compute(
    cells: Cells, material: Material, experiment: Experiment, rubric: Rubric
) -> dict[str, Any]:
    """The part of the analysis that holds the numbers."""
    settings, names = experiment.evaluation, list(experiment.variants)
    couples = pairs(names, settings.reference)
    by_variant = {
        name: [one for one in material.conversations if variant_of(one) == name] for name in names
    }
    values = {
        name: {measure: cells.values(name, measure) for measure in cells.measures} for name in names
    }
    return {
        "scenarios": cells.scenarios,
        "variants": {
            name: {
                measure: summary(column[~np.isnan(column)], settings.alpha)._asdict()
                for measure, column in columns.items()
            }
            for name, columns in values.items()
        },
        "values": values,
        "contrasts": contrasts(cells, couples, settings, experiment.seed),
        "spread": {
            "variants": spread(cells, names, fails_at(rubric), settings.alpha),
            "contrasts": spread_contrasts(
                cells,
                couples,
                Scale(rubric.low, rubric.high, fails_at(rubric)),
                settings,
                experiment.seed,
            ),
        },
        "components": {
            measure: components(cells.readings.scores[measure])._asdict()
            for measure in cells.measures
        },
        "judges": cells.readings.judges,
        "missing": {name: missing_of(cells, name) for name in names},
        "conversations": {name: endings(by_variant[name]) for name in names},
        "simulation": {name: attempts(by_variant[name]) for name in names},
        "words": {name: words(by_variant[name]) for name in names},
        "themes": themes(cells, material, names, settings.alpha),
        "reply_words": reply_words(material, names),
        "identical_replies": identical_replies(material.conversations),
    }


def fails_at(rubric: Rubric) -> float:
    """The highest score in the low third of the scale; 4 on a scale from 1 to 10."""
    return float(math.floor(rubric.low + (rubric.high - rubric.low) / 3))


def missing_of(cells: Cells, variant: str) -> dict[str, Any]:
    """A variant's missing judgments, by reason, the commonest first."""
    reasons = sorted(cells.missing[variant].items(), key=lambda item: (-item[1], item[0]))
    count = cells.missing[variant].total()
    return {
        "planned": count + cells.present[variant],
        "present": cells.present[variant],
        "missing": count,
        "share": cells.missing_share(variant),
        "reasons": dict(reasons),
    }


def endings(conversations: list[Session]) -> dict[str, int]:
    """How conversations ended; a failed one counts as nothing else."""
    counts = Counter({"total": len(conversations), "marker": 0, "cap": 0, "failed": 0, "other": 0})
    for one in conversations:
        ended = "failed" if failure_of(one) else one.provenance.get("ended")
        counts[ended if ended in ("failed", "marker", "cap") else "other"] += 1
    return dict(counts)


def words(conversations: list[Session]) -> dict[str, Any]:
    """Words per counselor turn, one number per scenario first."""
    talks = [one for one in conversations if not failure_of(one)]
    lengths: dict[str, list[float]] = {}
    for one in talks:
        lengths.setdefault(scenario_of(one), []).append(words_per_turn(one.messages))
    described = summary(means(lengths.values()))
    return {
        "turns": sum(len(one.turns("assistant")) for one in talks),
        "n": described.n,
        "mean": described.mean,
        "sd": described.sd,
        "median": described.median,
    }


def models_of(experiment: Experiment, material: Material) -> dict[str, list[dict[str, str]]]:
    """The models behind each role, as the records name them, or else the configuration does."""
    written = experiment.evaluation.scenarios == GENERATED
    told: dict[str, list[Any]] = {
        "teacher": writers_of(material) if written else [],
        "patient": [one.provenance.get("patient") for one in material.conversations],
        "counselor": [one.provenance.get("counselor") for one in material.conversations],
        "judge": [
            one.provenance.get("judge") for many in material.judgments.values() for one in many
        ],
    }
    models = {}
    for role in ROLES:
        server, asked = experiment.server_of(role), getattr(experiment.roles, role).model
        name = asked or getattr(server, "model", None) or experiment.model.name
        configured = {
            "kind": server.kind,
            "name": "scripted" if server.kind == "scripted" else name,
        }
        models[role] = distinct([one for one in told.get(role, []) if one] or [configured])
    return models


def writers_of(material: Material) -> list[dict[str, Any]]:
    """The models that wrote scenarios; the provenance of people's may call anything a teacher."""
    told = (one.provenance.get("teacher") for one in material.scenarios)
    return [one for one in told if isinstance(one, dict)]


def distinct(descriptions: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Each model once, by kind and name, in a fixed order."""
    found = {(str(one.get("kind")), str(one.get("name"))) for one in descriptions}
    return [{"kind": kind, "name": name} for kind, name in sorted(found)]


def jsonable(value: Any) -> Any:
    """Plain JSON values: NaN and infinity become null, numbers keep nine digits."""
    if isinstance(value, dict):
        return {key: jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [jsonable(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.9g}") if math.isfinite(value) else None
    return value
