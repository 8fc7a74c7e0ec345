"""Four dependent JSON calls per row with NeMo Data Designer; run by its own Python.

    /path/to/its/python benchmarks/peers/data_designer.py URL ROWS FOLDER

One text column a step, with the JSON Schema in `extra_body`: of the server it asks for none by
itself. So it validates no answer here, which favours it.
"""

import json
import os
import sys
from pathlib import Path

os.environ |= {"NEMO_TELEMETRY_ENABLED": "false", "HF_HUB_OFFLINE": "1"}
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).parent]

import tiktoken  # type: ignore[import-not-found]  # noqa: E402

# Its own table is fetched from the internet, and its retries would be measured (see `__main__.py`).
BYTES = {bytes([number]): number for number in range(256)}
ENCODING = tiktoken.Encoding("bytes", pat_str=r"(?s:.)", mergeable_ranks=BYTES, special_tokens={})
tiktoken.get_encoding = lambda _: ENCODING

import data_designer.config as dd  # type: ignore[import-not-found]  # noqa: E402
from data_designer.interface import DataDesigner  # type: ignore[import-not-found]  # noqa: E402


def main() -> None:
    """Write `data_designer.jsonl`; fail where a row is not whole."""
    url, rows, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    steps = json.loads((folder / "steps.json").read_text(encoding="utf-8"))
    provider = dd.ModelProvider(name="local", endpoint=url, api_key="none")
    models = [
        dd.ModelConfig(
            alias=name,
            model="nonsense",
            provider="local",
            skip_health_check=True,
            inference_parameters=dd.ChatCompletionInferenceParams(
                max_parallel_requests=64,
                max_tokens=512,
                extra_body={
                    "response_format": {
                        "type": "json_schema",
                        "json_schema": {"name": name, "schema": schema},
                    }
                },
            ),
        )
        for name, schema in steps.items()
    ]
    builder = dd.DataDesignerConfigBuilder(model_configs=models)
    builder.add_column(
        dd.SamplerColumnConfig(
            name="start", sampler_type="uuid", params=dd.UUIDSamplerParams(short_form=True)
        )
    )
    before = "start"
    for name in steps:
        prompt = f"{name}: {{{{ {before} }}}}"
        builder.add_column(dd.LLMTextColumnConfig(name=name, model_alias=name, prompt=prompt))
        before = name
    designer = DataDesigner(artifact_path=folder / "artifacts", model_providers=[provider])
    designer.set_run_config(dd.RunConfig(otel_metrics_port=None))
    found = designer.create(builder, num_records=rows, dataset_name="peer").load_dataset()
    whole = [{name: json.loads(row[name]) for name in steps} for _, row in found.iterrows()]
    lines = "".join(json.dumps(row) + "\n" for row in whole)
    (folder / "data_designer.jsonl").write_text(lines, encoding="utf-8")
    assert len(whole) == rows, f"{len(whole)} of {rows} rows are whole"


if __name__ == "__main__":
    main()
