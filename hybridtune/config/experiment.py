"""A whole experiment: everything that one YAML file under `configs/` says."""

import re

from pydantic import Field, model_validator

from hybridtune.config.base import Settings
from hybridtune.config.corpus import CorpusSettings
from hybridtune.config.evaluation import EvaluationSettings
from hybridtune.config.generation import GenerationSettings
from hybridtune.config.servers import (
    AttachedServer,
    ManagedServer,
    Prices,
    Roles,
    RoleServer,
    RoleSettings,
    ScriptedServer,
    Server,
)
from hybridtune.config.training import (
    BaseModelSettings,
    TrainingSettings,
    VariantSettings,
    check_budgets,
)

ROLES = ("teacher", "patient", "counselor", "judge")
"""The roles that every experiment has; all of them write."""
EMBEDDER = "embedder"
"""The role that only some experiments have."""
PANEL = "judge:"
"""What stands before the name of a judge of the panel, where roles are named."""
NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"


def role_key(role: str) -> str:
    """The key of a role in an experiment file."""
    if role.startswith(PANEL):
        return f"evaluation.judging.judges.{role.removeprefix(PANEL)}"
    return f"roles.{role}"


class Experiment(Settings):
    """One experiment: real transcripts and a base model in, a defended comparison out."""

    name: str = Field(pattern=NAME)
    """Names the run folder `runs/<name>`."""
    domain: str = "therapy"
    """A folder under `domains/`, or a path to one."""
    seed: int = Field(default=0, ge=0)
    """Every random choice of every stage derives from it."""
    model: BaseModelSettings
    """The base model."""
    servers: dict[str, Server] = Field(default_factory=dict)
    """Model servers by name."""
    roles: Roles
    """Who answers as teacher, patient, counselor and judge, and who embeds."""
    corpus: CorpusSettings
    """Real transcripts."""
    generation: GenerationSettings = GenerationSettings()
    """Synthetic sessions."""
    training: TrainingSettings = TrainingSettings()
    """How adapters are trained."""
    variants: dict[str, VariantSettings] = Field(min_length=1)
    """What is compared, by name."""
    evaluation: EvaluationSettings = EvaluationSettings()
    """How it is compared."""

    @model_validator(mode="after")
    def fits_together(self) -> "Experiment":
        """Reject references to what is not there, and names that no folder can have."""
        panel = self.evaluation.judging.judges
        sections = (("servers", self.servers), ("variants", self.variants))
        for section, names in (*sections, ("evaluation.judging.judges", panel)):
            for name in names:
                if not re.fullmatch(NAME, name):
                    raise ValueError(
                        f"{section}.{name}: name it with letters, digits, '.', '_' and '-'"
                    )
        for name in self.all_roles():
            role = self.answering(name)
            if not role.base_url and role.server not in self.servers:
                known = ", ".join(sorted(self.servers)) or "none"
                where = role_key(name)
                raise ValueError(f"{where}.server: no server {role.server!r} (known: {known})")
        if self.evaluation.reference not in self.variants:
            raise ValueError(
                f"evaluation.reference: no variant {self.evaluation.reference!r}"
                f" (known: {', '.join(self.variants)})"
            )
        self.check_embedder()
        check_budgets(self.variants, self.training)
        return self

    def check_embedder(self) -> None:
        """One vLLM either writes or embeds: it cannot do both."""
        if self.roles.embedder is None or not isinstance(self.server_of(EMBEDDER), ManagedServer):
            return
        server = self.roles.embedder.server
        for name in self.all_roles():
            role = self.answering(name)
            if name != EMBEDDER and not role.base_url and role.server == server:
                raise ValueError(
                    f"roles.embedder.server: server {server!r} also answers for"
                    f" {role_key(name)}; a vLLM either writes or embeds: give it one of its own"
                )

    def judges(self) -> list[str]:
        """The roles that judge: `judge`, and `judge:NAME` for each of the panel."""
        return ["judge", *(f"{PANEL}{name}" for name in self.evaluation.judging.judges)]

    def all_roles(self) -> list[str]:
        """Every role of this experiment: `ROLES`, the panel's judges, and the embedder if any."""
        return [*ROLES, *self.judges()[1:], *([EMBEDDER] if self.roles.embedder else [])]

    def role(self, name: str) -> RoleSettings:
        """The settings of one of `ROLES`, or of a judge of the panel."""
        settings = self.answering(name)
        assert isinstance(settings, RoleSettings), f"{name} does not write"
        return settings

    def answering(self, name: str) -> RoleServer:
        """Which server answers for one of `all_roles`."""
        if name.startswith(PANEL):
            return self.evaluation.judging.judges[name.removeprefix(PANEL)]
        settings: RoleServer = getattr(self.roles, name)
        return settings

    def server_of(self, role: str) -> ManagedServer | AttachedServer | ScriptedServer:
        """The server that answers for a role, with the role's own endpoint taken into account."""
        settings = self.answering(role)
        if settings.base_url:
            return AttachedServer(
                kind="attached",
                base_url=settings.base_url,
                api_key_env=settings.api_key_env,
                model=settings.model,
                prices=settings.prices,
            )
        assert settings.server is not None
        server = self.servers[settings.server]
        if isinstance(server, AttachedServer) and settings.model:
            return server.model_copy(update={"model": settings.model})
        return server

    def prices_of(self, role: str) -> Prices | None:
        """What the endpoint behind a role charges, where that is known."""
        server = self.server_of(role)
        return server.prices if isinstance(server, AttachedServer) else None

    def trained_variants(self) -> list[str]:
        """Names of the variants that have an adapter, in the file's order."""
        return [name for name, variant in self.variants.items() if variant.trained]
