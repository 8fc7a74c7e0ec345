"""Four dependent JSON calls per row with NeMo Data Designer; run by its own Python.

    /path/to/its/python benchmarks/peers/data_designer.py URL ROWS FOLDER

One structured column a step. It asks for no JSON Schema of the server by itself: `extra_body` does,
one model entry a step, and the answer comes in the fence that it looks for only if the model writes
one; so text columns take what the schema has already put in form.
"""

import json
import os
import sys
from pathlib import Path

os.environ |= {"NEMO_TELEMETRY_ENABLED": "false", "HF_HUB_OFFLINE": "1"}
sys.path = [entry for entry in sys.path if Path(entry or ".").resolve() != Path(__file__).parent]

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
