"""Planted faults: pairs that could shift, a wrong adapter, a scenario that training has seen."""

import json
from pathlib import Path
from typing import Any

import pytest
from fabricated import make_domain, make_run

from eval.analysis import analyse
from eval.overlap import overlap
from eval.served import identity_of, prove_adapters, prove_recorded, prove_served
from eval.simulate import choose_scenarios
from hybridtune.chat.client import Client, Endpoint
from hybridtune.chat.limiter import AdaptiveLimiter
from hybridtune.config.servers import Limits
from hybridtune.domain import load_domain
from hybridtune.errors import DataError
from hybridtune.records import (
    Judgment,
    Message,
    Scenario,
    Session,
    read_jsonl,
    write_json,
    write_jsonl,
)
from hybridtune.runs import Run
from hybridtune.weights import adapter_digest


@pytest.fixture
def domain(tmp_path):
    return make_domain(tmp_path / "domain")


def test_a_missing_conversation_does_not_shift_the_pairs(tmp_path, domain):
    run = make_run(tmp_path / "run", scenarios=12, server="remote")
    before = analyse(run, domain)
    path = run.eval / "conversations.jsonl"
    kept = [one for one in read_jsonl(path, Session) if one.id != "s03--real--0"]
    write_jsonl(path, reversed(kept))
    judgments = read_jsonl(run.eval / "judgments.jsonl", Judgment)
    write_jsonl(
        run.eval / "judgments.jsonl",
        [one for one in judgments if one.conversation != "s03--real--0"][::-1],
    )
    after = analyse(run, domain)
    for variant in ("base", "real", "hybrid"):
        column = before["values"][variant]["empathy"]
        if variant == "real":
            column = [*column[:3], None, *column[4:]]
        assert after["values"][variant]["empathy"] == column
    (entry,) = (
        e for e in after["contrasts"]
        if (e["a"], e["b"], e["measure"]) == ("hybrid", "real", "empathy")
    )  # fmt: skip
    pairs = zip(*(before["values"][name]["empathy"] for name in ("hybrid", "real")), strict=True)
    differences = [a - b for place, (a, b) in enumerate(pairs) if place != 3]
    assert entry["n"] == 11
    assert entry["difference"] == pytest.approx(sum(differences) / 11)


def make_adapter(folder: Path, content: bytes) -> str:
    """The files of an adapter, as far as its digest reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    tensor = {"dtype": "U8", "shape": [len(content)], "data_offsets": [0, len(content)]}
    header = json.dumps({"lora_A": tensor}).encode()
    body = len(header).to_bytes(8, "little") + header + content
    (folder / "adapter_model.safetensors").write_bytes(body)
    (folder / "adapter_config.json").write_text('{"r": 4}', encoding="utf-8")
    return adapter_digest(folder)


@pytest.fixture
def trained(tmp_path) -> Run:
    run = make_run(tmp_path / "run", server="remote")
    for name in ("real", "hybrid"):
        digest = make_adapter(run.variant(name) / "adapter", name.encode())
        hashes = {"adapter": digest, "dataset": f"data of {name}"}
        write_json(run.variant(name) / "training.json", {"hashes": hashes})
    return run


def digest_of(run: Run, variant: str) -> str:
    return adapter_digest(run.variant(variant) / "adapter")


def test_an_adapter_in_the_wrong_folder_is_refused(trained):
    prove_adapters(trained)
    make_adapter(trained.variant("hybrid") / "adapter", b"real")
    with pytest.raises(DataError, match="hybrid: the adapter of real answers as hybrid"):
        prove_adapters(trained)


def test_one_adapter_under_two_names_is_refused_but_not_a_control(trained):
    digest = make_adapter(trained.variant("hybrid") / "adapter", b"real")
    path = trained.variant("hybrid") / "training.json"
    write_json(path, {"hashes": {"adapter": digest, "dataset": "data of hybrid"}})
    with pytest.raises(DataError, match="is that of hybrid, which was trained on other data"):
        prove_adapters(trained)
    write_json(path, {"hashes": {"adapter": digest, "dataset": "data of real"}})
    prove_adapters(trained)


def with_identity(run: Run, adapters: dict[str, str | None]) -> list[Session]:
    """The conversations as a server of ours would have them answered by these adapters."""
    path, made = run.eval / "conversations.jsonl", []
    for one in read_jsonl(path, Session):
        variant = one.provenance["variant"]
        identity: dict[str, Any] = {"model": "digest"}
        if adapters.get(variant):
            identity["adapter"] = adapters[variant]
        counselor = {**one.provenance["counselor"], "identity": identity}
        provenance = {**one.provenance, "counselor": counselor}
        made.append(one.model_copy(update={"provenance": provenance}))
    write_jsonl(path, made)
    return made


def test_conversations_of_another_variants_adapter_are_refused(trained, domain):
    right = {name: digest_of(trained, name) for name in ("real", "hybrid")}
    prove_recorded(trained, with_identity(trained, dict(right)))
    swapped = {"real": right["hybrid"], "hybrid": right["real"]}
    with_identity(trained, dict(swapped))
    with pytest.raises(DataError, match="s00--real--0: the adapter of hybrid answers as real"):
        analyse(trained, domain)
    with_identity(trained, {})
    with pytest.raises(DataError, match="no adapter answers as real"):
        analyse(trained, domain)
    assert not (trained.eval / "analysis.json").exists()


class Listing:
    """An HTTP session whose only page is a list of models."""

    def __init__(self, *models: dict[str, Any]) -> None:
        self.models = list(models)

    def get(self, *_: Any, **__: Any) -> "Listing":
        return self

    async def __aenter__(self) -> "Listing":
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def text(self) -> str:
        return json.dumps({"data": self.models})


def attached(http: Any, kind: str = "attached", **identities: Any) -> Client:
    endpoint = Endpoint(kind, "http://127.0.0.1:1/v1", "base", Limits(), identities)
    limiter = AdaptiveLimiter(1)
    return Client(http, endpoint, None, limiter, stage="eval", role="counselor")  # type: ignore[arg-type]


async def test_an_attached_server_with_swapped_adapters_is_refused(trained):
    def served(real: str, hybrid: str) -> Client:
        folders = {"real": real, "hybrid": hybrid}
        listed = [
            {"id": name, "parent": "base", "root": str(trained.variant(its) / "adapter")}
            for name, its in folders.items()
        ]
        return attached(Listing({"id": "base", "parent": None}, *listed))

    await prove_served(trained, served("real", "hybrid"))
    with pytest.raises(DataError, match="the adapter of hybrid answers as real"):
        await prove_served(trained, served("hybrid", "real"))
    bare = attached(Listing({"id": "hybrid", "parent": None, "root": "Qwen/Qwen2.5-7B"}))
    with pytest.raises(DataError, match="hybrid is served without an adapter"):
        await prove_served(trained, bare)
    await prove_served(trained, attached(Listing({"id": "hybrid"})))  # another engine: says nothing


def test_records_name_what_answers_under_the_variants_name():
    identities = {"base": {"model": "m"}, "real": {"model": "m", "adapter": "a"}}
    client = attached(Listing(), "managed", **identities)
    assert identity_of(client, "real") == {"model": "m", "adapter": "a"}
    assert identity_of(client, "base") == {"model": "m"}


def test_an_endpoint_that_tells_no_digests_is_not_refused(trained):
    path, made = trained.eval / "conversations.jsonl", []
    for one in read_jsonl(path, Session):
        identity = identity_of(attached(Listing()), one.provenance["variant"])
        assert identity["endpoint"]
        counselor = {**one.provenance["counselor"], "identity": identity}
        provenance = {**one.provenance, "counselor": counselor}
        made.append(one.model_copy(update={"provenance": provenance}))
    prove_recorded(trained, made)


def test_variants_that_say_the_same_are_pointed_out(tmp_path, domain):
    run = make_run(tmp_path / "run", server="remote")
    assert not any("same first reply" in note for note in analyse(run, domain)["notes"])
    path = run.eval / "conversations.jsonl"
    text = path.read_text(encoding="utf-8").replace("I am hybrid", "I am real")
    path.write_text(text, encoding="utf-8")
    notes = analyse(run, domain)["notes"]
    assert any("hybrid and real gave the same first reply in 8 of 8" in note for note in notes)


WORDS = (
    "After the merger her team was halved, and since then she reads every message from her manager"
    " as the one that will end her job; she lies awake rehearsing answers nobody asked for."
)


def scenario(text: str = WORDS) -> Scenario:
    return Scenario(id="held-1", domain="therapy", persona={}, scenario={"scenario": text})


def session(source: str, *, told: str = "", spoken: str = "") -> Session:
    return Session(
        id=f"{source}-1",
        domain="therapy",
        source="synthetic",
        messages=(Message(role="user", content=spoken),),
        scenario={"scenario": told},
    )


@pytest.mark.parametrize("file", ["generation/synthetic.jsonl", "variants/real/dataset.jsonl"])
def test_a_leaked_scenario_stops_the_evaluation(tmp_path, file):
    run = Run(tmp_path, make_run(tmp_path / "made").experiment)
    scenarios = choose_scenarios(run, load_domain("therapy"))
    text = str(scenarios[3].scenario["scenario"])
    leaked = text.replace(" and ", " plus ", 1)
    write_jsonl(tmp_path / file, [session("fine", told="x"), session("leaked", told=leaked)])
    with pytest.raises(DataError, match=f"leaked-1 comes too near to .* {scenarios[3].id}"):
        overlap(run, scenarios)
