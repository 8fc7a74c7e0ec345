"""The scores by further rubrics, beside those by which the variants are compared.

They are exploratory: numbers with intervals, and no verdict.
"""

from typing import Any

import numpy as np

from eval.cells import gather, load_material
from eval.statistics.describe import summary
from hybridtune.domain import Domain
from hybridtune.runs import Run


def further_rubrics(run: Run, domain: Domain) -> list[dict[str, Any]]:
    """For each name, title, mode, low, high, measures, missing, and summaries by variant."""
    return [
        described(run, domain, name)
        for name in run.experiment.evaluation.judging.rubrics
        if name != run.experiment.evaluation.rubric
    ]


def described(run: Run, domain: Domain, name: str) -> dict[str, Any]:
    """One rubric's scores, one number per scenario and variant first."""
    rubric, settings = domain.rubric(name), run.experiment.evaluation
    cells = gather(load_material(run, name), run, list(rubric.dimensions))
    variants: dict[str, Any] = {}
    for variant in run.experiment.variants:
        columns = {measure: cells.values(variant, measure) for measure in cells.measures}
        variants[variant] = {
            measure: summary(column[~np.isnan(column)], settings.alpha)._asdict()
            for measure, column in columns.items()
        }
    return {
        "name": name,
        "title": rubric.title,
        "mode": rubric.mode,
        "low": rubric.low,
        "high": rubric.high,
        "measures": cells.measures,
        "variants": variants,
        "missing": {one: cells.missing[one].total() for one in run.experiment.variants},
    }
