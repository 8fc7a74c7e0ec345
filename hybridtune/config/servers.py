"""Model servers and the roles that talk to them."""

import re
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from hybridtune.config.base import Settings

# Options of vLLM that follow from the rest of the configuration, and where to set them instead.
OURS = {
    "port": "give `port` beside `vllm`",
    "model": "give `model` beside `vllm`",
    "revision": "give `revision` beside `vllm` (or model.revision)",
    "served_model_name": "variants are served under their own names",
    "lora_modules": "every trained variant is served",
    "api_key": "a managed server listens on this machine only and needs none",
}


SECRET = re.compile(r"(^|[_-])(token|api_?key|key|secret|password|credentials?)$", re.IGNORECASE)


def check_no_secret(options: dict[str, Any]) -> dict[str, Any]:
    """Refuse names that hold secrets: the configuration is written into the run folder."""
    for name in options:
        if SECRET.search(name):
            raise ValueError(f"{name} looks like a secret: set it in your environment instead")
    return options


def check_address(address: str) -> str:
    """Refuse what is no web address, and one that holds a password; the value is not repeated."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("not an address such as http://127.0.0.1:8000/v1")
    if "@" in parts.netloc or parts.query:
        raise ValueError("holds a user, password or query: name the key's variable in api_key_env")
    return address


Environment = Annotated[dict[str, str], AfterValidator(check_no_secret)]
Address = Annotated[str, AfterValidator(check_address)]


class Limits(Settings):
    """How a server is called."""

    max_concurrency: int = Field(default=64, ge=1)
    """Most requests under way at once; the client starts lower and adapts to the server."""
    timeout_s: float = Field(default=300.0, gt=0)
    """Longest wait for one answer, in seconds."""
    retries: int = Field(default=6, ge=0)
    """How often a request is sent again after a connection error, 408, 429 or 5xx."""


class Prices(Settings):
    """What a provider asks for a million tokens."""

    prompt: float = Field(ge=0, allow_inf_nan=False)
    """Per million tokens sent."""
    completion: float = Field(ge=0, allow_inf_nan=False)
    """Per million tokens answered."""
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    """Its code of three letters."""

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """What so many tokens cost."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1e6


class ManagedServer(Settings):
    """A vLLM process that hybridtune starts, checks and stops."""

    kind: Literal["managed"] = "managed"
    """`managed`: a process of our own."""
    model: str | None = None
    """Hub id or folder; left out, the experiment's base model with all trained variants."""
    revision: str | None = None
    """Hub revision of `model`."""
    vllm: dict[str, Any] = Field(default_factory=dict)
    """Passed to vLLM's command line by its own names, e.g. `max_model_len: 4096`."""
    env: Environment = Field(default_factory=dict)
    """Environment variables of the server process, beside those that it inherits."""
    port: int | None = Field(default=None, ge=1, le=65535)
    """Port on 127.0.0.1; left out, a free one."""
    start_timeout_s: float = Field(default=900.0, gt=0)
    """Longest wait until the server is ready, in seconds."""
    limits: Limits = Limits()
    """Concurrency, timeout and retries."""

    @field_validator("vllm")
    @classmethod
    def leaves_ours_alone(cls, options: dict[str, Any]) -> dict[str, Any]:
        """Options that we set ourselves would make the server unreachable, or leak a key."""
        for name in options:
            if (remedy := OURS.get(name.replace("-", "_"))) is not None:
                raise ValueError(f"{name} is set by hybridtune; {remedy}")
        return options


class AttachedServer(Settings):
    """An OpenAI-compatible endpoint that runs already."""

    kind: Literal["attached"]
    """`attached`: it runs already."""
    base_url: Address
    """The endpoint up to and including `/v1`."""
    api_key_env: str | None = None
    """Name of the environment variable that holds the key; the key itself never enters a file."""
    model: str | None = None
    """Model name at the endpoint; left out, the only one that it lists."""
    replicas: tuple[Address, ...] = ()
    """Further endpoints that serve the same model; each gets as many requests as the first."""
    prices: Prices | None = None
    """What a million tokens cost there, for estimates; nothing is billed or limited by it."""
    limits: Limits = Limits()
    """Concurrency, timeout and retries."""


class ScriptedServer(Settings):
    """The embedded stand-in, driven by the domain pack; every record says that it is scripted."""

    kind: Literal["scripted"]
    """`scripted`: the embedded stand-in."""
    limits: Limits = Limits()
    """Concurrency, timeout and retries."""


Server = Annotated[ManagedServer | AttachedServer | ScriptedServer, Field(discriminator="kind")]


class Sampling(Settings):
    """How answers are drawn; names and meanings are those of the OpenAI API."""

    temperature: float = Field(default=0.7, ge=0)
    """0 is greedy."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Nucleus sampling."""
    max_tokens: int = Field(default=512, ge=1)
    """Longest answer, in tokens."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer."""
    extra: Annotated[dict[str, Any], AfterValidator(check_no_secret)] = Field(default_factory=dict)
    """Further body fields, e.g. vLLM's `repetition_penalty`."""


class RoleServer(Settings):
    """Which server answers for a role."""

    server: str | None = None
    """Name of an entry under `servers`."""
    base_url: Address | None = None
    """Shortcut for an attached server: any OpenAI-compatible endpoint; wins over `server`."""
    api_key_env: str | None = None
    """Environment variable with the key for `base_url`."""
    model: str | None = None
    """Model name at the server, where it serves several."""
    prices: Prices | None = None
    """What a million tokens cost at `base_url`, for estimates."""

    @model_validator(mode="after")
    def names_a_server(self) -> Self:
        """A key without an endpoint would be ignored in silence."""
        if self.api_key_env and not self.base_url:
            raise ValueError("api_key_env needs base_url beside it")
        if self.prices and not self.base_url:
            raise ValueError("prices need base_url beside them; else give them at the server")
        if not self.server and not self.base_url:
            raise ValueError("name a server, or give base_url")
        return self


class RoleSettings(RoleServer):
    """One role that writes: which server answers for it, and how."""

    sampling: Sampling = Sampling()
    """How answers are drawn."""
    structured: Literal["json_schema", "json_object", "prompt"] = "json_schema"
    """How JSON is asked for; our own validation follows in any case."""


class EmbedderSettings(RoleServer):
    """The role that turns texts into vectors, at `/v1/embeddings` of its server."""

    prefix: str = ""
    """Stands before every text, as some models want it, e.g. `query: `."""
    max_words: int = Field(default=200, ge=8)
    """Longer texts are embedded in parts of at most so many words, and their vectors averaged."""
    batch_size: int = Field(default=32, ge=1)
    """Texts in one request."""
    near_duplicate: float = Field(default=0.9, gt=0, le=1)
    """Cosine from which two texts count as near-duplicates; it differs from model to model."""


class Roles(Settings):
    """The roles: four that write, and one that embeds where it is named."""

    teacher: RoleSettings
    """Writes personas, scenarios and sessions, and ranks them."""
    patient: RoleSettings
    """Plays the patient in evaluation."""
    counselor: RoleSettings
    """The variants under comparison; must be served under their names."""
    judge: RoleSettings
    """Scores conversations."""
    embedder: EmbedderSettings | None = None
    """Embeds texts, for likeness by meaning; left out, nothing of that is measured."""
