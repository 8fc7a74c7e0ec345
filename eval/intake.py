"""Client intake forms in the shape of the CACTUS benchmark's `evaluation.json`, as scenarios.

A JSON list of `{"AI_client": {"intake_form": text, "attitude": "positive"|"neutral"|"negative"}}`;
everything else in an entry is left aside. The benchmark is under the GPL, so nothing of it is here:
forms are read from the user's copy. How a form's lines fill persona and scenario is in the pack's
`intake_forms.yaml`. A form says less than a persona needs; what is drawn is named in provenance.
"""

import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eval.jsonfiles import entries
from hybridtune.config.base import Settings
from hybridtune.domain import Domain, load_settings
from hybridtune.errors import DataError
from hybridtune.records import Scenario
from hybridtune.scenarios import Row
from hybridtune.scripted.text import sentences
from hybridtune.seeds import derive

LINE = re.compile(r"^(?P<name>[A-Z][A-Za-z /]+):[ \t]*(?P<value>[^\n]*)$", re.MULTILINE)
SECTION = re.compile(r"^\s*\d+\.\s*(?P<title>[^\n:(]+)[^\n]*$", re.MULTILINE)


class AgeLine(Settings):
    """Where the age stands, and where its band goes."""

    line: str
    property: str


class IntakeSettings(Settings):
    """`intake_forms.yaml`."""

    persona: dict[str, tuple[str, ...]]
    age: AgeLine
    drawn: tuple[str, ...]
    attitudes: dict[str, str]
    attitude: str
    story: tuple[str, ...]
    summary: str
    empty: tuple[str, ...] = ()


def read_forms(path: Path, domain: Domain, seed: int, attitude: str | None) -> Iterator[Row]:
    """Every form once, though the file has each with several attitudes: they are not independent.

    Args:
        path: the JSON file.
        domain: the pack that says how a form is read.
        seed: draws what no form tells, and one of each form's attitudes.
        attitude: this one for every form, instead of one drawn.

    Raises:
        DataError: no JSON list, or no entry has the attitude.
        DomainError: the pack cannot read such forms.
    """
    told = load_settings(domain.path / "intake_forms.yaml", IntakeSettings)
    if attitude is not None and attitude not in told.attitudes:
        raise DataError(
            f"no attitude {attitude!r}",
            where="--attitude",
            fix=f"one of {', '.join(told.attitudes)}",
        )
    forms: dict[str, list[tuple[int, str]]] = {}
    for line, entry in entries(path):
        client = entry.get("AI_client") if isinstance(entry, dict) else None
        client = client if isinstance(client, dict) else {}
        form, its = client.get("intake_form"), client.get("attitude")
        if not isinstance(form, str) or its not in told.attitudes:
            yield line, DataError(
                "no AI_client with an intake_form and a known attitude", where=f"{path}:{line}",
                fix=f"attitudes: {', '.join(told.attitudes)}",
            )  # fmt: skip
        else:
            forms.setdefault(form, []).append((line, str(its)))
    for number, (form, having) in enumerate(forms.items(), start=1):
        options = [each for each in having if attitude in (None, each[1])]
        if options:
            line, its = random.Random(derive(seed, "attitude", form)).choice(options)
            yield line, scenario_of(form, its, number, told, domain, seed, f"{path}:{line}")


def scenario_of(
    form: str, attitude: str, number: int, told: IntakeSettings, domain: Domain, seed: int,
    where: str,
) -> Scenario | DataError:  # fmt: skip
    """One form as a scenario, or what it lacks."""
    head, sections = parsed(form)
    lacking = [lines[0] for lines in told.persona.values() if not any(map(head.get, lines))]
    lacking += [told.age.line] if not head.get(told.age.line) else []
    lacking += [name for name in (*told.story, told.summary) if not sections.get(name)]
    if lacking:
        return DataError(f"the form has no {lacking[0]!r}", where=where, fix="mend the form")
    axes = domain.words("taxonomy/axes")
    rng = random.Random(derive(seed, "intake", form))
    persona = {
        **{
            name: ". ".join(head[line] for line in lines if head.get(line))
            for name, lines in told.persona.items()
        },
        told.age.property: band(head[told.age.line], axes.get(told.age.property, ())),
        told.attitude: told.attitudes[attitude],
        **{name: rng.choice(list(axes[name])) for name in told.drawn},
    }
    return Scenario(
        id=f"intake-{number:03d}-{attitude}",
        domain=domain.name,
        persona=persona,
        scenario={
            "summary": next(iter(sentences(sections[told.summary])), ""),
            "scenario": " ".join(sections[name] for name in told.story),
            **{name: [] for name in told.empty},
        },
        provenance={
            "source": "intake form",
            "place": where.rpartition("/")[2],
            "drawn": list(told.drawn),
        },
    )


def parsed(form: str) -> tuple[dict[str, str], dict[str, str]]:
    """The head's lines and the numbered sections, by name; a value may stand on the next line."""
    marks = list(SECTION.finditer(form))
    top = form[: marks[0].start()] if marks else form
    names = list(LINE.finditer(top))
    ends = [*(match.start() for match in names[1:]), len(top)]
    head = {
        match["name"]: " ".join((match["value"] + top[match.end() : end]).split())
        for match, end in zip(names, ends, strict=True)
    }
    stops = [*(match.start() for match in marks[1:]), len(form)]
    sections = {
        match["title"].strip(): " ".join(form[match.end() : stop].split())
        for match, stop in zip(marks, stops, strict=True)
    }
    return head, sections


def band(age: str, bands: Mapping[str, Any] | tuple[str, ...]) -> str:
    """The band that an age in years falls into, else the age as it is."""
    years = re.match(r"\d+", age)
    for name in bands:
        limits = [int(number) for number in re.findall(r"\d+", str(name))]
        if years and len(limits) == 2 and limits[0] <= int(years.group()) <= limits[1]:
            return str(name)
    return age
