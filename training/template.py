"""A session as the model will see it when it is served, and which of its tokens carry loss.

There is no training template: the text is what the serving template renders, tokenised as vLLM
does it. A template needs no marks of what to train: inside its text, a counselor turn runs from the
end of the header that asks for it to the first token on which generation stops. Whatever breaks
this, for any template, is refused.
"""

import time
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jinja2 import TemplateError
from transformers import AutoConfig, AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase

from hybridtune.config import Experiment
from hybridtune.errors import ConfigError, DataError
from training.served import ServingTemplate, serving_template

IGNORED = -100
OWN = ServingTemplate()
"""The model's own template, without arguments."""
FIT = "take a chat model whose template and generation_config fit together"
FOLD = (
    "serve it by a template that puts the prompt into the first turn: vllm: {chat_template: FILE} "
    "at the counselor's server, by which training renders too"
)
THOUGHTS = (
    "serve it without thoughts: vllm: {default_chat_template_kwargs: {enable_thinking: false}} at "
    "the counselor's server, by which training renders too"
)
Messages = Sequence[dict[str, str]]
DATED = (
    "the chat template of {} writes today's date, so that it will be served otherwise on another "
    "day: fix it for both, vllm: {{default_chat_template_kwargs: {{date_string: 26 Jul 2024}}}} at "
    "the counselor's server"
)
DATES = ("%d %b %Y", "%d %B %Y", "%Y-%m-%d")
TALK = (
    {"role": "user", "content": "One."},
    {"role": "assistant", "content": "Two."},
    {"role": "user", "content": "Three."},
    {"role": "assistant", "content": "Four."},
)


@dataclass
class Row:
    """Tokens of one window; the labels are the tokens that carry loss, `IGNORED` elsewhere.

    Attributes:
        messages: what the tokens render, without the system prompt.
        session: the id of the session that they are of.
    """

    input_ids: list[int]
    labels: list[int]
    messages: list[dict[str, str]] = field(default_factory=list)
    session: str = ""


@dataclass
class Chat:
    """The serving template of one model, with its tokenizer.

    Attributes:
        embeddings: how many tokens the base model knows.
        arguments: what the template is rendered with besides the conversation.
    """

    tokenizer: PreTrainedTokenizerBase
    stop_ids: frozenset[int]
    model: str
    system: dict[str, str]
    embeddings: int
    arguments: dict[str, Any] = field(default_factory=dict)

    def render(self, messages: Messages, *, ask: bool = False) -> str:
        """The text of a conversation; `ask` adds the header of the counselor's next turn."""
        text: str = self.tokenizer.apply_chat_template(
            [self.system, *messages], tokenize=False, add_generation_prompt=ask, **self.arguments
        )
        return text

    def encode(self, text: str) -> Any:
        """The tokens of a rendered text, and which characters each stands for."""
        return self.tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )

    def lengths(self, several: Sequence[Messages]) -> list[int]:
        """How many tokens each of several conversations has."""
        if not several:
            return []
        texts = [self.render(messages) for messages in several]
        encoded = self.tokenizer(texts, add_special_tokens=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def length(self, messages: Messages) -> int:
        """How many tokens a conversation has."""
        return self.lengths([messages])[0]

    @cached_property
    def needs_opener(self) -> bool:
        """Whether the template refuses a counselor who opens, or asks for it otherwise."""
        try:
            self.render(TALK[1:])
            return not self.render(TALK[1:2]).startswith(self.render((), ask=True))
        except TemplateError:
            return True

    @cached_property
    def turns_per_window(self) -> int | None:
        """1 where earlier turns are rendered otherwise once later ones follow, else any number."""
        whole = self.render(TALK)
        return None if whole.startswith(self.render(TALK[:1], ask=True)) else 1

    @cached_property
    def dated(self) -> bool:
        """Whether the template writes today's date: tomorrow it will be served otherwise."""
        return any(time.strftime(form) in self.render(TALK) for form in DATES)

    def row(self, messages: Messages, trained: Sequence[int]) -> Row:
        """Tokenise a conversation with loss on the counselor turns at these positions.

        Raises:
            DataError: the template does not show where one of them begins and ends.
        """
        text = self.render(messages)
        encoded = self.encode(text)
        ids: list[int] = encoded["input_ids"]
        offsets: list[tuple[int, int]] = encoded["offset_mapping"]
        labels = [IGNORED] * len(ids)
        starts = [start for start, _ in offsets]
        first = 0
        for position in trained:
            header = self.render(messages[:position], ask=True)
            if not text.startswith(header):
                raise self.broken(
                    "the header that asks for a counselor turn is not what stands before it"
                )
            first = bisect_left(starts, len(header))
            if offsets[first - 1][1] > len(header):
                raise self.broken("one token holds the end of a header and the start of a turn")
            stop = next((i for i in range(first, len(ids)) if ids[i] in self.stop_ids), None)
            if stop is None:
                raise self.broken("no token on which generation stops ends a counselor turn")
            spoken, content = text[len(header) : starts[stop]], messages[position]["content"]
            if spoken.strip() != content.strip():
                raise self.altered(content, spoken)
            labels[first : stop + 1] = ids[first : stop + 1]
        if trained and self.encode(header)["input_ids"] != ids[:first]:
            raise self.broken("a header is tokenised otherwise when a turn follows it")
        if len(ids) > 1 and ids[0] == ids[1] == self.tokenizer.bos_token_id:
            raise self.broken("it writes the first token twice")
        return Row(ids, labels, list(messages))

    def altered(self, content: str, spoken: str) -> DataError:
        """Why a turn that is rendered with other words cannot be trained on."""
        what = f"a counselor turn is {content[:60]!r}, rendered {spoken[:60]!r}"
        return self.broken(what, THOUGHTS if "think" in spoken[:20] else FIT)

    def broken(self, what: str, fix: str = FIT) -> DataError:
        """Why this template cannot be trained on."""
        return DataError(what, where=f"chat template of {self.model}", fix=fix)


def serving_chat(experiment: Experiment, system_prompt: str) -> Chat:
    """The base model's tokenizer with the template by which it will be served.

    Raises:
        ConfigError, DataError: as `load_chat` does.
    """
    base = experiment.model
    return load_chat(base.name, base.revision, system_prompt, serving_template(experiment))


def load_chat(
    model: str,
    revision: str | None,
    system_prompt: str,
    template: ServingTemplate = OWN,
) -> Chat:
    """Load a model's tokenizer and template, and try them on a short conversation.

    Raises:
        ConfigError: the model has no chat template or no configuration, or too few embeddings.
        DataError: its template cannot be trained on.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision)
        config = AutoConfig.from_pretrained(model, revision=revision)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"cannot load the tokenizer of {model!r}: {reason}",
            where="model.name",
            fix="give a folder, or a hub id that can be reached or is in the cache",
        ) from None
    tokenizer.chat_template = template.text or tokenizer.chat_template
    if not tokenizer.is_fast or not tokenizer.chat_template:
        lack = "chat template" if tokenizer.is_fast else "fast tokenizer"
        raise ConfigError(f"{model!r} has no {lack}", where="model.name", fix="take a chat model")
    chat = Chat(
        tokenizer,
        stop_ids(model, revision, tokenizer),
        model,
        {"role": "system", "content": system_prompt},
        config.get_text_config().vocab_size,
        template.arguments,
    )
    try:
        seen = chat.render(TALK)
    except TemplateError as error:
        what = f"it refuses a system prompt before the conversation: {error}"
        raise chat.broken(what, FOLD) from None
    if system_prompt.strip() not in seen:
        raise chat.broken("it leaves the system prompt out", FOLD)
    row = chat.row(TALK, [3] if chat.turns_per_window else [1, 3])
    check_embeddings(chat, {*row.input_ids, *special_ids(tokenizer)})
    return chat


def special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The tokens that begin, end and pad a row."""
    return {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id} - {None}


def check_embeddings(chat: Chat, ids: set[int]) -> None:
    """Refuse tokens that the base model has no embedding for.

    Raises:
        ConfigError: names the first of them.
    """
    unknown = sorted(token for token in ids if token >= chat.embeddings)
    if unknown:
        name = chat.tokenizer.convert_ids_to_tokens(unknown[0])
        raise ConfigError(
            f"the tokenizer's {name!r} is token {unknown[0]}, the base model has embeddings for "
            f"{chat.embeddings}: vLLM serves no adapter with resized embeddings",
            where=f"tokenizer of {chat.model}",
            fix="take tokens that the model has, such as one that it reserves",
        )


def stop_ids(
    model: str, revision: str | None, tokenizer: PreTrainedTokenizerBase
) -> frozenset[int]:
    """The tokens on which generation stops, as vLLM reads them."""
    try:
        ids = GenerationConfig.from_pretrained(model, revision=revision).eos_token_id
    except OSError:
        ids = None
    several = ids if isinstance(ids, list) else [ids]
    return frozenset({*several, tokenizer.eos_token_id} - {None})
