"""docs/benchmarks.md tells what the kept results say."""

import json
from pathlib import Path
from typing import Any

import pytest

HOME = Path(__file__).parent.parent
TEXT = (HOME / "docs/benchmarks.md").read_text(encoding="utf-8")


def rows(title: str) -> dict[str, list[str]]:
    """The rows of the tables under a heading, by their first cell."""
    section = TEXT.split(f"## {title}\n")[1].split("\n## ")[0]
    lines = [line.strip("| ").split(" | ") for line in section.splitlines() if line[:1] == "|"]
    return {name: cells for name, *cells in lines}


def result(name: str) -> Any:
    path = HOME / f"benchmarks/results/{name}.json"
    if not path.is_file():
        pytest.skip(f"{path.name} has not been measured yet")
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("row", "key"),
    [("ours", "ours"), ("`trl sft`, defaults", "trl"), ("`trl sft`, float32", "trl_as_ours")],
)
def test_training_beside_trl(row: str, key: str) -> None:
    measured = result("training-cpu")[key]
    told = rows("Training")[row]
    assert told[:4] == [
        f"{measured['tokens_per_s']:.0f}",
        f"{measured['counselor_tokens_per_s']:.0f}",
        f"{100 * measured['counselor_tokens_trained']:.0f} %",
        f"{100 * measured['padding']:.0f} %",
    ]
    assert told[4] == (f"{measured['ours_to_this']:.1f}" if key != "ours" else "-")


def test_memory_of_training() -> None:
    measured = result("training-cpu")
    arms = {measured["base"]: measured["ours"], **measured["memory"]}
    told = rows("Training")
    for name, each in arms.items():
        sizes = [each["estimated_memory_bytes"], each["peak_memory_bytes"]]
        words = [f"{size / 2**30:.2f} GiB" for size in sizes]
        assert told[name] == [*words, f"{each['estimate_to_peak']:.2f}"]


def test_writing_and_the_client_and_imports() -> None:
    generation, client, corpus = result("generation"), result("client"), result("corpus")
    told = rows("Everything else")
    assert told["client, time against a bare aiohttp loop"][0] == f"{client['wall_ratio']:.2f}"
    assert told["client, CPU against a bare aiohttp loop"][0] == f"{client['cpu_ratio']:.2f}"
    steady = generation["steady"]["wall_ratio"]
    assert told["generation, time against a bare aiohttp loop"][0] == f"{steady:.2f}"
    tail = generation["long_tail"]
    late = "generation, the same with 2 % of the answers 20 times as late"
    assert told[late][0] == f"{tail['wall_ratio']:.2f}"
    for row, key in (
        ("against a client that takes no time", "span_to_ideal_as_served"),
        ("with all that is not the server", "to_ideal"),
    ):
        ours, about = told[f"generation, the same, {row}"]
        assert ours == f"{tail[f'ours_{key}']:.2f}"
        assert f"the bare loop: {tail[f'bare_{key}']:.2f}" in about
    flat = generation["flat"]["peak_ratio"]
    assert told["generation, memory at 100,000 rows against 10,000"][0] == f"{flat:.2f}"
    peers = result("generation-peers")
    for name, key in (("data-designer", "data_designer"), ("distilabel", "distilabel")):
        ratio = peers[key]["times_bare"] / peers["ours"]["times_bare"]
        assert told[f"{name}, time against our generation"][0] == f"{ratio:.1f}"
    memory = corpus["ratios"]["memory_whole_to_tenth"]
    assert told["import, memory at 10,000 sessions against 1,000"][0] == f"{memory:.2f}"


def test_the_simulation_beside_its_server() -> None:
    server, servers = (result("evaluation")[part] for part in ("server", "servers"))
    told = rows("Everything else")
    for name, key in (
        ("the same requests in a bare loop", "bare"),
        ("`vllm bench`, variants by lot", "vllm_bench"),
        ("`vllm bench`, base alone", "vllm_bench_base"),
    ):
        ratio = f"{server[f'ratio_to_{key}']:.2f}"
        assert told[f"simulation, output tokens/s against {name}"][0] == ratio
    time, memory = (
        told[f"three servers in turn, {what} against one multi-LoRA server"]
        for what in ("time", "memory")
    )
    assert time[0] == f"{servers['three_over_one_seconds']:.2f}"
    one, three = (servers[name]["peak_bytes"] for name in ("one", "three"))
    assert memory[0] == f"{three / one:.2f}"
    assert f"{servers['three_at_once_bytes'] / one:.1f} times" in memory[1]
