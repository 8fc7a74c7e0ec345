"""Four dependent JSON calls per row with bespokelabs-curator; run by its own Python.

    /path/to/its/python benchmarks/peers/curator.py URL ROWS FOLDER

One `LLM` object a step, over the dataset of the step before. Its limits of requests and tokens a
minute are set out of the way, so that the server's slots alone hold it back.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {
    "TELEMETRY_ENABLED": "false",
    "CURATOR_VIEWER": "0",
    "CURATOR_DISABLE_RICH_DISPLAY": "1",
    "OPENAI_API_KEY": "none",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "HF_HUB_OFFLINE": "1",
}

from bespokelabs import curator  # type: ignore[import-not-found]
from pydantic import create_model

KINDS = {"string": str, "integer": int}


def model_of(name: str, schema: dict[str, Any]) -> Any:
    """The pydantic model of a simple JSON Schema, which is how a form is given here."""
    kind = schema.get("type")
    if kind == "object":
        fields = {
            part: (model_of(f"{name}_{part}", inner), ...)
            for part, inner in schema["properties"].items()
        }
        return create_model(name, **fields)
    if kind == "array":
        return list[model_of(f"{name}_item", schema["items"])]  # type: ignore[misc]
    return KINDS.get(str(kind), str)


class Step(curator.LLM):  # type: ignore[misc]
    """One step: its prompt holds all that the row has so far."""

    return_completions_object = False

    def prompt(self, input: dict[str, Any]) -> str:  # noqa: A002 - its own name
        """What is asked."""
        return f"{self.asked}: {json.dumps(input)}"

    def parse(self, input: dict[str, Any], response: Any) -> dict[str, Any]:  # noqa: A002
        """The row with the answer."""
        return {**input, self.asked: response.model_dump_json()}


def main() -> None:
    """Write `curator.jsonl`; fail where a row is not whole."""
    url, rows, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    os.environ["CURATOR_CACHE_DIR"] = str(folder / "cache")
    steps = json.loads((folder / "steps.json").read_text(encoding="utf-8"))
    data: Any = [{"start": str(number)} for number in range(rows)]
    for name, schema in steps.items():
        step = Step(
            model_name="nonsense",
            backend="openai",
            response_format=model_of(name, schema),
            backend_params={
                "base_url": url,
                "max_concurrent_requests": 64,
                "max_requests_per_minute": 10**7,
                "max_tokens_per_minute": 10**10,
            },
        )
        step.asked = name
        done = step(data)
        data = getattr(done, "dataset", done)
    whole = [{name: json.loads(row[name]) for name in steps} for row in data]
    lines = "".join(json.dumps(row) + "\n" for row in whole)
    (folder / "curator.jsonl").write_text(lines, encoding="utf-8")
    assert len(whole) == rows, f"{len(whole)} of {rows} rows are whole"


if __name__ == "__main__":
    main()
