"""From a YAML file and `--set a.b=c` overrides to an `Experiment`, with errors that name the line.

Reads `configs/*.yaml`; a file may say `extends: other.yaml` to start from another one.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from hybridtune.config.experiment import Experiment
from hybridtune.config.explain import Key, explain
from hybridtune.errors import ConfigError


class Loader(yaml.SafeLoader):
    """YAML 1.1 as PyYAML reads it, but `1e-4` is a number, as everybody means it."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"),
    list("-+0123456789"),
)


def load_experiment(path: Path, overrides: Iterable[str] = ()) -> Experiment:
    """Read an experiment file and apply overrides such as `training.sft.max_steps=10`.

    Raises:
        ConfigError: the file is missing, is not YAML, or does not fit; names the file and line.
    """
    values, places = read_yaml(path)
    for override in overrides:
        key, value = parse_override(override)
        set_key(values, key, value, override)
        places[key] = f"--set {'.'.join(key)}"
        for length in range(1, len(key)):
            places.setdefault(key[:length], places[key])
    try:
        return Experiment.model_validate(values)
    except ValidationError as error:
        raise explain(error.errors(), places, str(path)) from None


def read_yaml(
    path: Path, extended_by: tuple[Path, ...] = (), where: str = ""
) -> tuple[dict[str, Any], dict[Key, str]]:
    """The values of a YAML mapping, and for each key the `file:line` that sets it.

    `extended_by` and `where` tell of the files that start from this one, and of the line.
    """
    if path.resolve() in extended_by:
        raise ConfigError(f"{path} extends itself in a circle", where=where)
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=Loader)
        values = yaml.load(text, Loader=Loader)
    except OSError as error:
        raise ConfigError(
            f"cannot read {path}: {error.strerror}" if where else f"cannot read: {error.strerror}",
            where=where or str(path),
            fix="give the path of a YAML file",
        ) from None
    except UnicodeDecodeError:
        raise ConfigError("not UTF-8 text", where=str(path), fix="save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = f":{mark.line + 1}" if mark else ""
        raise ConfigError(f"not YAML: {error.problem}", where=f"{path}{line}") from None
    except (yaml.YAMLError, ValueError) as error:  # control characters; dates that are none
        reason = " ".join(str(error).split())
        raise ConfigError(f"not YAML: {reason}", where=str(path)) from None
    if not isinstance(values, dict) or not isinstance(node, yaml.MappingNode):
        raise ConfigError("not a mapping of keys to values", where=str(path))
    places: dict[Key, str] = {}
    collect_places(node, (), places, path)
    parent = values.pop("extends", None)
    if parent is None:
        return values, places
    below, below_places = read_yaml(
        path.parent / str(parent), (*extended_by, path.resolve()), places[("extends",)]
    )
    return merge(below, values), below_places | places


def collect_places(node: yaml.MappingNode, prefix: Key, places: dict[Key, str], path: Path) -> None:
    """Fill `places` with the line of every key, and refuse a key that stands twice."""
    for key_node, value_node in node.value:
        key = (*prefix, str(key_node.value))
        place = f"{path}:{key_node.start_mark.line + 1}"
        if key in places:
            raise ConfigError(f"the key {'.'.join(key)!r} stands twice", where=place)
        places[key] = place
        if isinstance(value_node, yaml.MappingNode):
            collect_places(value_node, key, places, path)


def merge(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`, mapping by mapping; lists and plain values are replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = merge(old, value) if both else value  # type: ignore[arg-type]
    return merged


def parse_override(override: str) -> tuple[Key, Any]:
    """`a.b=c` as key and value; the value is YAML, so `[x, y]`, `true` and `1e-4` work."""
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise ConfigError("not of the form key=value", where=f"--set {override}")
    try:
        value = yaml.load(text, Loader=Loader)
    except (yaml.YAMLError, ValueError):
        raise ConfigError("the value is not YAML", where=f"--set {override}") from None
    return tuple(key.strip().split(".")), value


def set_key(values: dict[str, Any], key: Key, value: Any, override: str) -> None:
    """Set a nested key, making the mappings on the way."""
    for part in key[:-1]:
        if values.get(part) is None:
            values[part] = {}
        inner = values[part]
        if not isinstance(inner, dict):
            raise ConfigError(f"{part!r} is not a mapping", where=f"--set {override}")
        values = inner
    values[key[-1]] = value
