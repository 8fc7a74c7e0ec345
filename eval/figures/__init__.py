"""The figures of an evaluation, drawn from `eval/analysis.json` and what stands around it.

Writes `eval/figures/NAME.svg` and `.png`; the same analysis gives the same bytes. Import this
package where figures are drawn and not before: it loads matplotlib.
"""

from pathlib import Path
from typing import Any

from eval.claims import enumerated, percent, scripted_roles
from eval.figures import breakdown, comparisons, scores, surroundings
from eval.figures.style import save
from hybridtune.drawing import drawing

FIGURES = {
    "means": (
        scores.means,
        "Mean score of each variant over the scenarios. Bars are {level} Student intervals of each"
        " mean; whether two variants differ is read from the paired differences, not from"
        " overlapping bars.",
    ),
    "distribution": (
        scores.boxes,
        "Distribution of scores, one dot a scenario. The box holds the middle half, the line is"
        " the median, whiskers reach the furthest score within 1.5 box heights.",
    ),
    "violin": (
        scores.violins,
        "The same scores as smoothed densities (none is drawn where scores do not vary).",
    ),
    "scatter": (
        scores.scatter,
        "{first} against {second}, one mark a scenario, moved a little at random so that equal"
        " scores do not hide each other. Large marks are means.",
    ),
    "combined": (
        scores.combined,
        "Combined score, the mean of all dimensions, with its {level} interval. Exploratory: no"
        " verdict rests on it.",
    ),
    "spread": (
        comparisons.variability,
        "How much scores vary, and how often a conversation fails (score at most {fails_at:g}, the"
        " low third of the scale) with exact {level} limits.",
    ),
    "forest": (
        comparisons.forest,
        "Paired differences with {level} intervals. Inside the band (\N{PLUS-MINUS SIGN}{margin:g})"
        " a difference would count as negligible. Grey brackets: true differences inside them are"
        " likely to be missed with so few scenarios (80 % power).",
    ),
    "paired": (
        breakdown.paired,
        "The same differences scenario by scenario: a dot each, moved a little up or down; the"
        " diamond is the mean with its {level} interval.",
    ),
    "scenarios": (
        comparisons.slopes,
        "Every scenario as one line across the variants; the thick line is the mean.",
    ),
    "length": (
        breakdown.length,
        "Combined score over the length of replies, one mark per scenario and variant; large marks"
        " are means. Where marks rise to the right, longer replies and higher scores go together.",
    ),
}
"""Name -> how it is drawn, and its caption."""
OPTIONAL = {
    "themes": (
        breakdown.themes,
        "Combined scores by theme, one mark per scenario and variant. Exploratory: most themes have"
        " too few scenarios for a mean.",
    ),
    "losses": (
        surroundings.losses,
        "Loss over trained tokens, in training and on sessions held out from it.",
    ),
    "safety": (
        surroundings.safety,
        "Share of safety items passed in the worst draw, with exact {level} limits; the items are"
        " examples and no sample.",
    ),
    "probes": (
        surroundings.probes,
        "Shift of the mean score when a conversation is changed in one known way, with {level}"
        " intervals.",
    ),
}
"""The same, where the run has themes, trainings, a safety suite, probes."""


def draw_figures(
    analysis: dict[str, Any],
    folder: Path,
    safety: dict[str, Any] | None = None,
    trainings: dict[str, Any] | None = None,
) -> dict[str, str]:
    """Draw all figures that there are numbers for; returns their captions by name.

    Args:
        analysis: what `eval/analysis.json` holds.
        folder: where the files go.
        safety: what `eval/safety.json` holds, where there is one.
        trainings: what `eval.trainings` found.
    """
    analysis = {**analysis, "safety": safety, "trainings": trainings}
    captions = {}
    for name, (draw, caption) in (FIGURES | OPTIONAL).items():
        with drawing():
            figure = draw(analysis)
            if figure is not None:
                if roles := scripted_roles(analysis):  # a figure travels without its report
                    text = f"scripted {enumerated(roles)}: shows the machinery, not the method"
                    figure.supxlabel(text, fontsize=7.5, style="italic")
                save(figure, folder / name)
                captions[name] = caption.format(**words(analysis))
    return captions


def words(analysis: dict[str, Any]) -> dict[str, Any]:
    """The values that captions speak of."""
    dimensions = [*analysis["rubric"]["dimensions"], ""]
    design = analysis["design"]
    return {
        "level": percent(1 - design["alpha"]),
        "margin": design["margin"],
        "fails_at": design["fails_at"],
        "first": dimensions[0].capitalize(),
        "second": dimensions[1],
    }
