"""What every setting means: the text below it, in the class that declares it, as JSON Schema.

Pydantic can read these texts when it makes a class, and looks for the source of each: a twentieth
of a second in every command, for what only `hybridtune config --schema` prints.
"""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from hybridtune.config.experiment import Experiment
from hybridtune.config.explain import models_in


def described_schema() -> dict[str, Any]:
    """The JSON Schema of an experiment, with what every setting means."""
    schema = Experiment.model_json_schema()
    shapes = {Experiment.__name__: schema, **schema.get("$defs", {})}
    for model in all_models(Experiment):
        properties = shapes[model.__name__].get("properties", {})
        for name, text in descriptions(model).items():
            if name in properties:
                properties[name].setdefault("description", text)
    return schema


def all_models(root: type[BaseModel]) -> set[type[BaseModel]]:
    """A configuration class and all those inside it."""
    found, left = set[type[BaseModel]](), [root]
    while left:
        model = left.pop()
        if model not in found:
            found.add(model)
            left += [
                inner
                for field in model.model_fields.values()
                for inner in models_in(field.annotation)
            ]
    return found


def descriptions(model: type[BaseModel]) -> dict[str, str]:
    """The text below each field of a class, that of the nearest ancestor where it has none."""
    found: dict[str, str] = {}
    for ancestor in reversed(model.__mro__):
        if issubclass(ancestor, BaseModel) and ancestor is not BaseModel:
            found |= dict(own_descriptions(ancestor))
    return found


def own_descriptions(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The fields that a class declares itself, each with the text that follows it."""
    (declared,) = ast.parse(inspect.getsource(model)).body
    assert isinstance(declared, ast.ClassDef)
    for field, text in pairwise(declared.body):
        match field, text:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(written))),
            ):
                yield name, inspect.cleandoc(written)
