"""Experiment files: what is read, and where an error points."""

import json
from pathlib import Path

import pytest
import yaml

from hybridtune.config import Experiment, load_experiment
from hybridtune.config.base import Settings
from hybridtune.config.descriptions import all_models, described_schema, descriptions
from hybridtune.errors import ConfigError

HOME = Path(__file__).parent.parent
SHIPPED = sorted((HOME / "configs").glob("*.yaml"))

GOOD = """\
name: trial
model:
  name: some/model
servers:
  vllm:
    kind: managed
    vllm: {max_model_len: 2048}
  scripted:
    kind: scripted
roles:
  teacher: {server: scripted}
  patient: {server: scripted}
  counselor:
    server: vllm
  judge:
    server: scripted
corpus:
  paths: [transcripts]
training:
  sft: {learning_rate: 1e-4}
variants:
  base: {}
  real: {real: 1}
"""


def write(folder: Path, text: str, name: str = "trial.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def complaint(path: Path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_experiment(path, overrides)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def line_of(text: str, words: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), start=1) if words in line)


def test_a_good_file(tmp_path: Path) -> None:
    experiment = load_experiment(write(tmp_path, GOOD))
    assert experiment.trained_variants() == ["real"]
    assert experiment.training.sft == {"learning_rate": 1e-4}
    assert experiment.server_of("judge").kind == "scripted"
    assert Experiment.model_validate_json(experiment.model_dump_json()) == experiment


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_file_fits(path: Path) -> None:
    assert load_experiment(path).variants


def test_there_are_shipped_files() -> None:
    assert {"demo.yaml", "paper.yaml"} <= {path.name for path in SHIPPED}


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "+1.5e3", "1.e+2", "-2e0"])
def test_numbers_with_exponents_are_numbers(tmp_path: Path, text: str) -> None:
    path = write(tmp_path, GOOD.replace("1e-4", text))
    assert load_experiment(path).training.sft["learning_rate"] == float(text)


@pytest.mark.parametrize(
    ("old", "new", "name", "nearest"),
    [
        ("model:", "modle:", "modle", "model"),
        ("  sft:", "  stf:", "training.stf", "sft"),
        ("    vllm: {max", "    vlm: {max", "servers.vllm.vlm", "vllm"),
        ("    server: vllm", "    serverr: vllm", "roles.counselor.serverr", "server"),
        ("  real: {real: 1}", "  real: {reel: 1}", "variants.real.reel", "real"),
        (
            "    kind: scripted",
            "    kind: scripted\n    limit: {}",
            "servers.scripted.limit",
            "limits",
        ),
        (
            "    kind: managed",
            "    kind: managed\n    limits: {max_concurency: 4}",
            "servers.vllm.limits.max_concurency",
            "max_concurrency",
        ),
    ],
)
def test_an_unknown_key_names_line_and_nearest(
    tmp_path: Path, old: str, new: str, name: str, nearest: str
) -> None:
    text = GOOD.replace(old, new, 1)
    told = complaint(write(tmp_path, text))
    line = line_of(text, name.rpartition(".")[2] + ":")
    assert told == (
        f"{tmp_path}/trial.yaml:{line}: unknown key {name!r} (did you mean {nearest!r}?)"
    )


def test_a_suggestion_is_valid_for_that_kind_of_server(tmp_path: Path) -> None:
    text = GOOD.replace("    kind: scripted", "    kind: scripted\n    base_urll: x")
    assert "remove it" in complaint(write(tmp_path, text))


def test_values_that_do_not_fit_name_their_line(tmp_path: Path) -> None:
    text = GOOD.replace("{real: 1}", "{real: much}")
    told = complaint(write(tmp_path, text))
    line = line_of(text, "much")
    assert told.startswith(f"{tmp_path}/trial.yaml:{line}: variants.real.real: Input should be")
    assert "roles.judge: Field required" in complaint(
        write(tmp_path, GOOD.replace("  judge:\n    server: scripted\n", ""))
    )


def test_references_to_nothing_name_their_line(tmp_path: Path) -> None:
    text = GOOD.replace("    server: vllm", "    server: vlm")
    told = complaint(write(tmp_path, text))
    assert told.startswith(f"{tmp_path}/trial.yaml:{line_of(text, 'server: vlm')}: ")
    assert "no server 'vlm' (known: scripted, vllm)" in told
    text = GOOD + "evaluation: {reference: bse}\n"
    assert "no variant 'bse' (known: base, real)" in complaint(write(tmp_path, text))


def test_a_server_must_say_its_kind(tmp_path: Path) -> None:
    told = complaint(write(tmp_path, GOOD.replace("    kind: managed\n", "")))
    assert "trial.yaml:5: servers.vllm" in told
    assert "kind" in told
    told = complaint(write(tmp_path, GOOD.replace("kind: managed", "kind: manged")))
    assert "'managed', 'attached', 'scripted'" in told


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("name: a\n  b: c\n", 2, "not YAML"),
        ("name: [a\n", 2, "not YAML"),
        ("name: a\n\tb: c\n", 2, "not YAML"),
        ("name: !!python/object:os.system x\n", 1, "not YAML"),
        (GOOD + "name: other\n", GOOD.count("\n") + 1, "'name' stands twice"),
        (GOOD.replace("{real: 1}", "{real: 1, real: 2}"), 23, "'variants.real.real' stands twice"),
    ],
)
def test_broken_yaml_names_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    told = complaint(write(tmp_path, text))
    assert told.startswith(f"{tmp_path}/trial.yaml:{line}: ")
    assert words in told


@pytest.mark.parametrize("text", ["- a\n- b\n", "", "just words\n", "a: 2024-13-45\n", "a: \x07\n"])
def test_what_is_no_mapping_is_said_so(tmp_path: Path, text: str) -> None:
    assert "trial.yaml" in complaint(write(tmp_path, text))


def test_unreadable_files(tmp_path: Path) -> None:
    assert "No such file" in complaint(tmp_path / "absent.yaml")
    assert "Is a directory" in complaint(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("name: café".encode("latin-1"))
    assert "UTF-8" in complaint(tmp_path / "latin.yaml")


def test_overrides(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD + "generation:\n")
    overrides = (
        "seed=7",
        "corpus.paths=[a, 'b c']",
        "training.sft.learning_rate=2e-5",
        "training.sft.bf16=false",
        "generation.sessions=3",
        "evaluation.count=5",
        "roles.judge.base_url=http://127.0.0.1:1/v1",
        "roles.judge.api_key_env=SOME_KEY",
    )
    experiment = load_experiment(path, overrides)
    assert experiment.seed == 7
    assert experiment.corpus.paths == ("a", "b c")
    assert experiment.training.sft == {"learning_rate": 2e-5, "bf16": False}
    assert experiment.generation.sessions == 3
    server = experiment.server_of("judge")
    assert (server.kind, server.limits.retries) == ("attached", 6)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("seed", "--set seed: not of the form key=value"),
        ("=5", "not of the form key=value"),
        ("seed=[1", "the value is not YAML"),
        ("seed=2024-13-45", "the value is not YAML"),
        ("seed=many", "--set seed: seed: Input should be a valid integer"),
        ("name.first=a", "'name' is not a mapping"),
        ("training.stf.x=1", "--set training.stf.x: unknown key 'training.stf'"),
        ("evaluatoin.count=4", "unknown key 'evaluatoin' (did you mean 'evaluation'?)"),
        ("roles.judge.api_key_env=KEY", "needs base_url"),
        ("servers.vllm.env.HF_TOKEN=hf_x", "HF_TOKEN looks like a secret"),
        ("training.env.WANDB_API_KEY=x", "WANDB_API_KEY looks like a secret"),
        ("roles.judge.sampling.extra.api_key=x", "api_key looks like a secret"),
    ],
)
def test_overrides_that_do_not_fit(tmp_path: Path, override: str, words: str) -> None:
    assert words in complaint(write(tmp_path, GOOD), override)


ENCODER = """\
  encoder: {kind: managed, model: some/encoder}
roles:
  embedder: {server: encoder, batch_size: 8}
"""


def test_the_embedder_is_off_until_it_is_named(tmp_path: Path) -> None:
    experiment = load_experiment(write(tmp_path, GOOD))
    assert experiment.roles.embedder is None
    assert experiment.all_roles() == ["teacher", "patient", "counselor", "judge"]
    experiment = load_experiment(write(tmp_path, GOOD.replace("roles:\n", ENCODER)))
    assert experiment.all_roles()[-1] == "embedder"
    server = experiment.server_of("embedder")
    assert server.kind == "managed"
    assert server.model == "some/encoder"
    assert experiment.answering("embedder").server == "encoder"


def test_an_embedder_has_a_server_that_does_not_write(tmp_path: Path) -> None:
    text = GOOD.replace("roles:\n", ENCODER)
    line = line_of(text, "batch_size")
    told = complaint(write(tmp_path, text.replace("server: encoder", "server: vllm")))
    assert f"trial.yaml:{line}: roles.embedder.server: server 'vllm' also answers for" in told
    assert "roles.counselor" in told
    told = complaint(write(tmp_path, text.replace("server: encoder", "server: absent")))
    assert "roles.embedder.server: no server 'absent'" in told
    told = complaint(write(tmp_path, text.replace("batch_size", "batchsize")))
    assert "did you mean 'batch_size'?" in told
    told = complaint(write(tmp_path, text), "roles.embedder.near_duplicate=1.5")
    assert "less than or equal to 1" in told
    told = complaint(write(tmp_path, text), "roles.embedder.sampling.temperature=0")
    assert "unknown key 'roles.embedder.sampling'" in told
    # Who writes and who embeds may be one endpoint that is not ours, or both scripted.
    load_experiment(write(tmp_path, text), ["roles.embedder.server=scripted"])
    attached = "{kind: attached, base_url: 'http://127.0.0.1:1/v1'}"
    path = write(tmp_path, text.replace("{kind: managed, model: some/encoder}", attached))
    load_experiment(path, ["roles.judge.server=encoder"])


def test_extends(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path, GOOD)
    above = "extends: ../trial.yaml\nname: above\nvariants:\n  hybrid: {real: 1, synthetic: 1}\n"
    experiment = load_experiment(write(tmp_path / "sub", above))
    assert experiment.name == "above"
    assert list(experiment.variants) == ["base", "real", "hybrid"]
    assert experiment.training.sft == {"learning_rate": 1e-4}


def test_errors_below_name_the_file_below(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("  sft:", "  stf:"), "below.yaml")
    told = complaint(write(tmp_path, "extends: below.yaml\nseed: 3\n"))
    assert f"below.yaml:{line_of(GOOD, '  sft:')}: unknown key" in told
    told = complaint(write(tmp_path, "seed: 3\nextends: absent.yaml\n"))
    assert "absent.yaml" in told
    assert "trial.yaml:2" in told


def test_extending_in_a_circle(tmp_path: Path) -> None:
    write(tmp_path, "extends: trial.yaml\n", "other.yaml")
    assert "circle" in complaint(write(tmp_path, "extends: other.yaml\n"))


@pytest.mark.parametrize("name", ["../up", "a/b", "two words", "a=b", "-x"])
def test_names_that_become_folders_are_checked(tmp_path: Path, name: str) -> None:
    for text in (
        GOOD.replace("  real: {real", f"  {json.dumps(name)}: {{real"),
        GOOD.replace("  vllm:\n", f"  {json.dumps(name)}:\n").replace(
            "server: vllm", f"server: {json.dumps(name)}"
        ),
    ):
        assert "letters, digits" in complaint(write(tmp_path, text))


@pytest.mark.parametrize("key", ["port", "served-model-name", "api_key", "lora_modules"])
def test_vllm_options_that_are_ours_are_refused(tmp_path: Path, key: str) -> None:
    text = GOOD.replace("{max_model_len: 2048}", f"{{{key}: 1}}")
    told = complaint(write(tmp_path, text))
    assert f"trial.yaml:{line_of(text, key)}" in told
    assert key in told


def test_endpoints_must_be_addresses_without_secrets(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    told = complaint(path, "roles.judge.base_url=localhost:8000/v1")
    assert "http://" in told
    with pytest.raises(ConfigError) as caught:
        load_experiment(path, ["roles.judge.base_url=https://me:s3cret@host/v1"])
    assert "api_key_env" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def settings_classes(kind: type[Settings] = Settings) -> list[type[Settings]]:
    """All configuration classes, wherever they are."""
    found = []
    for below in kind.__subclasses__():
        found += [below, *settings_classes(below)]
    return [each for each in found if each.__module__.startswith("hybridtune.config")]


def test_every_key_is_described() -> None:
    bare = [
        f"{kind.__name__}.{name}"
        for kind in settings_classes()
        for name in kind.model_fields.keys() - descriptions(kind).keys()
    ]
    assert bare == []
    schema = described_schema()
    shapes = {"Experiment": schema, **schema["$defs"]}
    told = [
        part.get("description")
        for shape in shapes.values()
        for part in shape.get("properties", {}).values()
    ]
    assert all(told)
    assert len(told) == sum(len(kind.model_fields) for kind in all_models(Experiment))
    assert schema["properties"]["seed"]["description"] == descriptions(Experiment)["seed"]


def test_a_resolved_experiment_is_a_valid_file(tmp_path: Path) -> None:
    experiment = load_experiment(write(tmp_path, GOOD))
    text = yaml.safe_dump(experiment.model_dump(mode="json"))
    assert load_experiment(write(tmp_path, text, "resolved.yaml")) == experiment
