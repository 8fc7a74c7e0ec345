"""A session as the model will see it when it is served, and which of its tokens carry loss.

There is no training template: the text is what the serving template renders, tokenised as vLLM
does it. Inside it, a counselor turn runs from the end of the header that asks for it to the first
token on which generation stops. Whatever breaks this, for any template, is refused.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jinja2 import TemplateError
from transformers import AutoTokenizer, GenerationConfig, PreTrainedTokenizerBase

from hybridtune.errors import ConfigError, DataError

IGNORED = -100
Messages = Sequence[dict[str, str]]
TALK = (
    {"role": "user", "content": "One."},
    {"role": "assistant", "content": "Two."},
    {"role": "user", "content": "Three."},
    {"role": "assistant", "content": "Four."},
)


@dataclass(frozen=True)
class Row:
    """Tokens of one window; the labels are the tokens that carry loss, `IGNORED` elsewhere."""

    input_ids: list[int]
    labels: list[int]


@dataclass
class Chat:
    """The serving template of one model, with its tokenizer."""

    tokenizer: PreTrainedTokenizerBase
    stop_ids: frozenset[int]
    model: str
    system: dict[str, str]

    def render(self, messages: Messages, *, ask: bool = False) -> str:
        """The text of a conversation; `ask` adds the header of the counselor's next turn."""
        text: str = self.tokenizer.apply_chat_template(
            [self.system, *messages], tokenize=False, add_generation_prompt=ask
        )
        return text

    def encode(self, text: str) -> Any:
        """The tokens of a rendered text, and which characters each stands for."""
        return self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)

    def length(self, messages: Messages) -> int:
        """How many tokens a conversation has."""
        return len(self.tokenizer(self.render(messages), add_special_tokens=False)["input_ids"])

    @cached_property
    def needs_opener(self) -> bool:
        """Whether the template refuses a conversation that the counselor opens."""
        try:
            self.render(TALK[1:])
        except TemplateError:
            return True
        return False

    @cached_property
    def turns_per_window(self) -> int | None:
        """1 where earlier turns are rendered otherwise once later ones follow, else any number."""
        whole = self.render(TALK)
        return None if whole.startswith(self.render(TALK[:1], ask=True)) else 1

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
                raise self.broken(f"a counselor turn is {content[:60]!r}, rendered {spoken[:60]!r}")
            labels[first : stop + 1] = ids[first : stop + 1]
        if trained and self.encode(header)["input_ids"] != ids[:first]:
            raise self.broken("a header is tokenised otherwise when a turn follows it")
        if len(ids) > 1 and ids[0] == ids[1] == self.tokenizer.bos_token_id:
            raise self.broken("it writes the first token twice")
        return Row(ids, labels)

    def broken(self, what: str) -> DataError:
        """Why this template cannot be trained on."""
        return DataError(
            what,
            where=f"chat template of {self.model}",
            fix="take a chat model whose template and generation_config fit together",
        )


def load_chat(model: str, revision: str | None, system_prompt: str) -> Chat:
    """Load a model's tokenizer and template, and try them on a short conversation.

    Raises:
        ConfigError: the model has no chat template, or one without a system prompt.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(model, revision=revision)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"cannot load the tokenizer of {model!r}: {reason}",
            where="model.name",
            fix="give a folder, or a hub id that can be reached or is in the cache",
        ) from None
    chat = Chat(
        tokenizer,
        stop_ids(model, revision, tokenizer),
        model,
        {"role": "system", "content": system_prompt},
    )
    if not tokenizer.is_fast or not tokenizer.chat_template:
        lack = "chat template" if tokenizer.is_fast else "fast tokenizer"
        raise ConfigError(f"{model!r} has no {lack}", where="model.name", fix="take a chat model")
    try:
        seen = chat.render(TALK)
    except TemplateError as error:
        raise chat.broken(f"it refuses a system prompt before the conversation: {error}") from None
    if system_prompt.strip() not in seen:
        raise chat.broken("it leaves the system prompt out")
    chat.row(TALK, [3] if chat.turns_per_window else [1, 3])
    return chat


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
