"""Was every variant answered by its own adapter? A swapped one would compare a model with itself.

Reads `variants/<variant>/training.json` and the adapters beside them. Three looks: at the files
before a server is started, at what a running vLLM says it has loaded, and at what the records of
conversations say has answered.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import aiohttp

from eval.cells import scenario_of, variant_of
from hybridtune.chat.client import Client
from hybridtune.chat.model import ChatModel
from hybridtune.errors import DataError
from hybridtune.records import Session, read_json
from hybridtune.runs import Run
from hybridtune.weights import CONFIG, adapter_digest


def trained_hashes(run: Run) -> dict[str, dict[str, str]]:
    """By variant, what its training.json tells of the adapter and what it was trained on."""
    found = {}
    for name in run.experiment.trained_variants():
        path = run.variant(name) / "training.json"
        told = read_json(path).get("hashes") if path.is_file() else None
        if told and "adapter" in told:
            found[name] = {key: str(value) for key, value in told.items()}
    return found


def trained_digests(run: Run) -> dict[str, str]:
    """By variant, the digest of the adapter that its training wrote; none where none is told."""
    return {name: hashes["adapter"] for name, hashes in trained_hashes(run).items()}


def prove_adapters(run: Run) -> None:
    """Refuse adapters that are not what their training wrote, and one under two names.

    Two variants that were trained on the same data, a control, may come out the same.

    Raises:
        DataError: names the variant and its folder.
    """
    hashes, trained = trained_hashes(run), trained_digests(run)
    for name, digest in trained.items():
        folder = str(run.variant(name))
        prove_same(name, adapter_digest(run.variant(name) / "adapter"), trained, folder)
        for other, its in trained.items():
            if its == digest and hashes[other] != hashes[name]:
                raise DataError(
                    f"the adapter of {name} is that of {other}, which was trained on other data",
                    where=folder,
                    fix="train both again",
                )


async def prove_served(run: Run, counselor: ChatModel) -> None:
    """Compare the adapters that an attached vLLM lists with those of this run, by their content.

    A server that does not say where its adapters lie, or has them on another machine, cannot be
    looked into: `identical_replies` is what is left then.

    Raises:
        DataError: a variant's name stands for another adapter, or for none.
    """
    if not isinstance(counselor, Client) or counselor.endpoint.kind != "attached":
        return
    trained, address = trained_digests(run), counselor.endpoint.base_url
    for item in await listed(counselor):
        name, root = item.get("id"), Path(str(item.get("root") or ""))
        if name in trained and (root / CONFIG).is_file():
            prove_same(str(name), adapter_digest(root), trained, f"{address} (from {root})")
        elif name in trained and "parent" in item and item["parent"] is None:
            raise DataError(
                f"{name} is served without an adapter",
                where=address,
                fix="start vLLM with --lora-modules, one for each variant",
            )


async def listed(counselor: Client) -> list[dict[str, Any]]:
    """The models that a server lists; none where it lists none."""
    endpoint = counselor.endpoint
    headers = {"Authorization": f"Bearer {endpoint.api_key}"} if endpoint.api_key else {}
    try:
        async with counselor.http.get(f"{endpoint.base_url}/models", headers=headers) as response:
            items = json.loads(await response.text())["data"]
    except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError):
        return []
    return [item for item in items if isinstance(item, dict)]


def prove_recorded(run: Run, conversations: Iterable[Session]) -> None:
    """Compare the adapter that each conversation names with the one that its variant trained.

    Raises:
        DataError: names the conversation.
    """
    trained = trained_digests(run)
    for one in conversations:
        name = variant_of(one)
        identity = (one.provenance.get("counselor") or {}).get("identity") or {}
        # An endpoint tells its address and a name; only a server of ours tells digests.
        if name in trained and "model" in identity and "endpoint" not in identity:
            place = f"{run.eval / 'conversations.jsonl'}: {one.id}"
            prove_same(name, identity.get("adapter"), trained, place)


def prove_same(name: str, digest: str | None, trained: dict[str, str], where: str) -> None:
    """Refuse an adapter that is not the one a variant was trained to."""
    if digest == trained[name]:
        return
    owners = [other for other, its in trained.items() if its == digest]
    is_ = f"the adapter of {owners[0]}" if owners else "another adapter" if digest else "no adapter"
    raise DataError(
        f"{is_} answers as {name}, not the one that its training.json tells of",
        where=where,
        fix="serve each variant's own adapter, then run the eval stage again with --force",
    )


def identity_of(counselor: ChatModel, variant: str) -> Any:
    """What answers under a variant's name, as far as it is known."""
    if isinstance(counselor, Client):
        return dict(counselor.endpoint.identity(variant))
    return counselor.description.get("identity")


def identical_replies(conversations: Iterable[Session]) -> list[dict[str, Any]]:
    """For every pair of variants, in how many conversations their first reply is the same.

    Two models that draw with one seed on one opening say different things, one model says the same.
    """
    replies: defaultdict[tuple[str, Any], dict[str, str]] = defaultdict(dict)
    for one in conversations:
        if turns := one.turns("assistant"):
            cell = (scenario_of(one), one.provenance.get("repeat"))
            replies[cell][variant_of(one)] = turns[0]
    both, same = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for said in replies.values():
        for pair in combinations(sorted(said), 2):
            both[pair] += 1
            same[pair] += said[pair[0]] == said[pair[1]]
    return [{"a": a, "b": b, "n": n, "same": same[a, b]} for (a, b), n in sorted(both.items())]
