"""Four dependent JSON calls per row with distilabel; run by its own Python (see `__main__.py`).

    /path/to/its/python benchmarks/peers/distilabel.py URL ROWS FOLDER

Its client takes no JSON Schema as `response_format`, so the body gets it as an extra field. One
task a step reads what the step before wrote. Batches are as large as the server has slots, as its
concurrency is theirs.
"""

import json
import sys
from pathlib import Path
from typing import Any

# Run as a file of the same name: its own folder must not hide the package.
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).parent]

from distilabel.models import OpenAILLM  # type: ignore[import-not-found]  # noqa: E402
from distilabel.pipeline import Pipeline  # type: ignore[import-not-found]  # noqa: E402
from distilabel.steps import LoadDataFromDicts  # type: ignore[import-not-found]  # noqa: E402
from distilabel.steps.tasks import TextGeneration  # type: ignore[import-not-found]  # noqa: E402


def main() -> None:
    """Write `distilabel.jsonl`; fail where a row is not whole."""
    url, rows, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    steps = json.loads((folder / "steps.json").read_text(encoding="utf-8"))
    with Pipeline(name="peer", cache_dir=str(folder / "cache")) as pipeline:
        before: Any = LoadDataFromDicts(
            name="load", data=[{"start": str(number)} for number in range(rows)], batch_size=64
        )
        column = "start"
        for name, schema in steps.items():
            asked = {"type": "json_schema", "json_schema": {"name": name, "schema": schema}}
            step = TextGeneration(
                name=f"ask_{name}",
                llm=OpenAILLM(
                    model="nonsense",
                    base_url=url,
                    api_key="none",
                    generation_kwargs={
                        "extra_body": {"response_format": asked},
                        "max_new_tokens": 512,
                    },
                ),
                template=f"{name}: {{{{ {column} }}}}",
                columns=[column],
                input_batch_size=64,
                output_mappings={"generation": name},
            )
            before.connect(step)
            before, column = step, name
    found = pipeline.run(use_cache=False)["default"]["train"]
    whole = [
        {name: json.loads(row[name]) for name in steps} for row in found if all(map(row.get, steps))
    ]
    lines = "".join(json.dumps(row) + "\n" for row in whole)
    (folder / "distilabel.jsonl").write_text(lines, encoding="utf-8")
    assert len(whole) == rows, f"{len(whole)} of {rows} rows are whole"


if __name__ == "__main__":
    main()
