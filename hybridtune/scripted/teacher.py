"""The scripted teacher: personas, scenarios and whole sessions from the pack's word lists.

A session is the scripted patient and the scripted counselor talking for the number of exchanges
that was asked for. Shapes and sentences are in `scripted/shapes.yaml` and `scripted/themes/`.
"""

from collections.abc import Mapping
from typing import Any

from hybridtune.scripted import counselor
from hybridtune.scripted.patient import Patient
from hybridtune.scripted.stock import Stock
from hybridtune.scripted.text import Slots, compose, fresh, seeded


def persona(stock: Stock, inputs: Mapping[str, Any], seed: int | None) -> Any:
    """A persona with a value of each axis: as given in the inputs, else drawn as the theme fits."""
    theme = stock.theme(str(inputs["theme"]))
    rng = seeded("persona", seed, inputs)
    axes = {
        **stock.domain.words("taxonomy/axes"),
        **stock.shapes.get("axes", {}),
        **stock.themes[theme].get("axes", {}),
    }
    values = {axis: rng.choice(list(options)) for axis, options in axes.items()}
    slots = stock.pick(theme, "", rng, stock.shapes["parts"])
    slots.update({**values, **inputs.get("axes", {})})
    return compose(stock.shapes["persona"], slots, {})


def scenario(stock: Stock, inputs: Mapping[str, Any], seed: int | None) -> Any:
    """What such a persona brings: some of the theme's facts, told as a short story."""
    name = stock.theme(str(inputs["theme"]))
    theme = stock.themes[name]
    rng = seeded("scenario", seed, inputs)
    slots = stock.pick(name, "", rng, stock.shapes["parts"])
    slots["another"] = fresh(theme["details"], slots["detail"], rng)
    slots["summary"] = rng.choice(theme["summaries"])
    kinds = rng.sample(
        sorted(theme["thoughts"]), min(rng.choice((1, 2, 2)), len(theme["thoughts"]))
    )
    thoughts = [{"kind": kind, "thought": rng.choice(theme["thoughts"][kind])} for kind in kinds]
    return compose(stock.shapes["scenario"], slots, {"thoughts": thoughts})


def session(stock: Stock, inputs: Mapping[str, Any], seed: int | None) -> dict[str, Any]:
    """A whole session of exactly the requested number of exchanges, the patient speaking first."""
    exchanges = int(inputs["exchanges"])
    patient = Patient(stock, inputs["persona"], inputs["scenario"], seed=seed)
    agenda = patient.agenda(max(1, exchanges - 1))
    own: list[str] = []
    turns = []
    for number in range(exchanges):
        if number == exchanges - 1 and number > 0:
            words = patient.farewell()
        else:
            words = patient.speak(agenda[number] if number < len(agenda) else later(patient))
        patient.own.append(words)
        patient.heard = counselor.reply(stock, patient.own, own, exchanges, seed, patient.theme)
        own.append(patient.heard)
        turns += [
            {"speaker": "patient", "text": words},
            {"speaker": "counselor", "text": patient.heard},
        ]
    return {"turns": turns}


def later(patient: Patient) -> str:
    """One thing more, for sessions that are longer than the agenda."""
    rng = patient.rng("later")
    slots: Slots = patient.slots(rng)
    return slots.fill(fresh(patient.script["later"], " ".join(patient.own), rng))
