"""The template by which the counselor's server renders a conversation; training must not differ.

A server of ours can be given another template than the model's own, or arguments for it, by vLLM's
names `chat_template` and `default_chat_template_kwargs`. Imports no torch.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hybridtune.config import Experiment
from hybridtune.config.servers import ManagedServer
from hybridtune.errors import ConfigError
from hybridtune.serving.command import dashed


@dataclass(frozen=True)
class ServingTemplate:
    """What replaces the model's own template where `text` is given, and arguments for either."""

    text: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)


def serving_template(experiment: Experiment) -> ServingTemplate:
    """The template that vLLM is started with; a request's own arguments win, as they do there.

    Raises:
        ConfigError: the template is neither a file nor written out, or the arguments are none.
    """
    server = experiment.server_of("counselor")
    options: dict[str, Any] = {}
    if isinstance(server, ManagedServer):
        options = {dashed(name): value for name, value in server.vllm.items()}
    asked = experiment.roles.counselor.sampling.extra.get("chat_template_kwargs")
    where = f"servers.{experiment.roles.counselor.server}.vllm"
    started = options.get("default_chat_template_kwargs")
    arguments = arguments_of(started, f"{where}.default_chat_template_kwargs")
    arguments |= arguments_of(asked, "roles.counselor.sampling.extra.chat_template_kwargs")
    return ServingTemplate(text_of(options.get("chat_template"), where), arguments)


def arguments_of(value: Any, where: str) -> dict[str, Any]:
    """A mapping, also one that is written as JSON."""
    try:
        found = json.loads(value) if isinstance(value, str) else value or {}
    except ValueError:
        found = value
    if not isinstance(found, dict):
        raise ConfigError(f"{value!r} is no mapping", where=where, fix="enable_thinking: false")
    return dict(found)


def text_of(value: str | None, where: str) -> str | None:
    """The content of a template file, or a template that is written out, as vLLM reads them."""
    if value is None:
        return None
    if "\n" not in value and Path(value).is_file():
        return Path(value).read_text(encoding="utf-8")
    if "{" not in value:
        raise ConfigError(f"no such file: {value}", where=f"{where}.chat_template")
    return value
