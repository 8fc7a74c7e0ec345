"""The command line as a person meets it: help, plans, errors of one line, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from in_process import Command

from hybridtune import guard
from hybridtune.cli.plan import loads, parameters
from hybridtune.cli.reproduce import find_run, run_folder
from hybridtune.config import Experiment, load_experiment
from hybridtune.ending import Stopped
from hybridtune.errors import CallError, ConfigError, HybridtuneError, ServerError
from hybridtune.runs import Run, lock_run, open_run
from hybridtune.serving.process import check_port, free_port

HOME = Path(__file__).parent.parent
DEMO = str(HOME / "configs" / "demo.yaml")
PAPER = str(HOME / "configs" / "paper.yaml")


def test_help_is_light() -> None:
    script = (
        "import sys; sys.argv = ['hybridtune', '--help']\n"
        "from hybridtune.cli import main\n"
        "try:\n    main()\nexcept SystemExit as ended:\n"
        "    print(ended.code, *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=HOME, capture_output=True, text=True, check=True
    )
    code, *modules = done.stdout.splitlines()[-1].split()
    assert code == "0"
    for name in ("reproduce", "show", "status", "serve", "config", "doctor"):
        assert f" {name} " in done.stdout
    heavy = {"pydantic", "torch", "aiohttp", "yaml", "numpy", "matplotlib", "vllm"}
    assert not heavy & set(modules)


@pytest.mark.parametrize("command", ["reproduce", "show", "status", "serve", "config", "doctor"])
def test_every_command_explains_itself(hybridtune: Command, command: str) -> None:
    code, out, _ = hybridtune(command, "--help")
    assert code == 0
    assert f"hybridtune {command}" in out


def test_version(hybridtune: Command) -> None:
    assert hybridtune("--version")[:2] == (0, "hybridtune 0.1.0\n")


def test_schema(hybridtune: Command) -> None:
    code, out, _ = hybridtune("config", "--schema")
    assert code == 0
    schema = json.loads(out)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(Path(DEMO).read_text()), schema)


def test_a_config_is_printed_whole(hybridtune: Command, tmp_path: Path) -> None:
    code, out, _ = hybridtune("config", DEMO, "--set", "seed=5")
    assert code == 0
    (tmp_path / "whole.yaml").write_text(out)
    assert load_experiment(tmp_path / "whole.yaml") == load_experiment(Path(DEMO), ["seed=5"])


@pytest.mark.parametrize("config", [DEMO, PAPER])
def test_a_dry_run_prints_the_plan_and_writes_nothing(
    hybridtune: Command, tmp_path: Path, config: str
) -> None:
    folder = tmp_path / "run"
    data = f"corpus.paths=[{HOME / 'examples/transcripts'}]"
    command = ("reproduce", config, "--dry-run", "--run", str(folder), "--set", data)
    code, out, err = hybridtune(*command)
    assert (code, err) == (0, "")
    for word in ("corpus", "generation", "training:", "eval:report", "teacher", "judge"):
        assert word in out
    assert "not done yet" in out
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["config", "absent.yaml"], "absent.yaml: cannot read: No such file"),
        (["config"], "name an experiment file (or give --schema)"),
        (["config", DEMO, "--set", "seed"], "--set seed: not of the form key=value"),
        (["config", DEMO, "--set", "sead=1"], "unknown key 'sead' (did you mean 'seed'?)"),
        (
            ["config", DEMO, "--set", "servers.vllm.prot=80"],
            "unknown key 'servers.vllm.prot' (did you mean 'port'?)",
        ),
        (["config", DEMO, "--set", "domain=theraphy"], "no domain pack 'theraphy'"),
        (["reproduce", DEMO, "--from", "evaluation"], "--from: no stage 'evaluation'"),
        (["status", "no-such-run"], "no-such-run: not a run folder"),
        (["show", "no-such-run"], "no-such-run: not a run folder"),
        (["serve", "no-such-run"], "no-such-run: not a run folder"),
    ],
)
def test_what_the_user_can_mend_is_one_line(
    hybridtune: Command, arguments: list[str], words: str
) -> None:
    code, out, err = hybridtune(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert words in err


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("corpus.paths=[nowhere]", "corpus.paths: nowhere: no such file or folder"),
        ("evaluation.rubric=warmth", "warmth.yaml: no such file"),
        ("evaluation.scenarios=absent.jsonl", "evaluation.scenarios: absent.jsonl: no such file"),
        ("roles.judge.server=vllm", "roles.judge.server: server 'vllm' serves the variants"),
    ],
)
def test_what_would_fail_later_fails_at_once(
    hybridtune: Command, tmp_path: Path, override: str, words: str
) -> None:
    command = ("reproduce", DEMO, "--run", str(tmp_path / "run"), "--set", override)
    code, out, err = hybridtune(*command)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert words in err
    assert not (tmp_path / "run").exists()


def test_a_missing_key_is_told_before_anything_starts(
    hybridtune: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMPTY_KEY", " \n")
    code, _, err = hybridtune(
        "reproduce", DEMO, "--run", str(tmp_path / "run"),
        "--set", "roles.judge.base_url=http://127.0.0.1:9/v1",
        "--set", "roles.judge.api_key_env=EMPTY_KEY",
    )  # fmt: skip
    assert code == 2
    assert "the environment variable EMPTY_KEY is not set" in err
    assert not (tmp_path / "run").exists()


def test_a_run_in_use_and_a_changed_one_are_refused(hybridtune: Command, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    open_run(folder, load_experiment(Path(DEMO)))
    with lock_run(folder):
        code, _, err = hybridtune("reproduce", DEMO, "--run", str(folder))
    assert code == 2
    assert "another hybridtune works in this run folder" in err
    code, _, err = hybridtune("reproduce", DEMO, "--run", str(folder), "--set", "seed=1")
    assert code == 2
    assert "seed: 20241011 -> 1" in err
    assert err.count("\n") == 1
    assert load_experiment(Path(DEMO)).seed == 20241011
    assert not (folder / "manifest.json").exists()


def test_a_foreign_folder_is_left_alone(hybridtune: Command, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    code, _, err = hybridtune("reproduce", DEMO, "--run", str(tmp_path))
    assert code == 2
    assert "holds files, but is no run folder" in err
    assert os.listdir(tmp_path) == ["thesis.txt"]


def failing_with(error: BaseException) -> Callable[..., None]:
    def command(*_: object, **__: object) -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (ConfigError("bad\nkey", where="a.yaml:3"), 2, "error: a.yaml:3: bad key\n"),
        (HybridtuneError("plain"), 1, "error: plain\n"),
        (CallError("answered 400"), 1, "error: answered 400\n"),
        (ServerError("did not start\n  a line"), 1, "error: did not start\n  a line\n"),
        (ExceptionGroup("two", [CallError("one"), ValueError()]), 1, "error: one\n"),
        (OSError(28, "No space left on device"), 1, "error: the disk is full: "),
        (OSError(27, "File too large"), 1, "error: a file may not grow so large here: "),
        (Stopped("stopped"), 130, "stopped\n"),
        (PermissionError(13, "Permission denied", "/x/y"), 1, "error: /x/y: Permission denied\n"),
        (KeyboardInterrupt(), 130, "error: stopped; the same command goes on from here\n"),
    ],
)
def test_errors_and_exit_codes(
    hybridtune: Command,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    told: str,
) -> None:
    monkeypatch.setattr("hybridtune.cli.config.config", failing_with(error))
    ended, out, err = hybridtune("config", "--schema")
    assert (ended, out) == (code, "")
    assert err.startswith(told)


def test_our_own_bugs_keep_their_traceback(
    hybridtune: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hybridtune.cli.config.config", failing_with(KeyError("bug")))
    with pytest.raises(KeyError, match="bug"):
        hybridtune("config", "--schema")


def test_run_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = load_experiment(Path(DEMO))
    assert run_folder(demo, [], None) == Path("runs/demo")
    assert run_folder(demo, [], "mine") == Path("runs/mine")
    assert run_folder(demo, ["seed=1"], "/x/y") == Path("/x/y")
    named = {run_folder(demo, overrides, None) for overrides in (["a=1"], ["a=2"], ["b=1", "a=1"])}
    assert len(named | {Path("runs/demo")}) == 4
    assert run_folder(demo, ["a=1", "b=1"], None) == run_folder(demo, ["b=1", "a=1"], None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "demo").mkdir(parents=True)
    assert find_run(Path("demo")) == Path("runs/demo")
    assert find_run(Path("runs/demo")) == Path("runs/demo")


def test_the_plan_counts_what_is_embedded() -> None:
    demo = load_experiment(Path(DEMO), ["roles.embedder.server=scripted"])
    written, load = [one for one in loads(demo, scenarios=5) if one.role == "embedder"]
    assert (written.calls, written.purpose) == (24, "scenarios as they are written")
    # As long as the teacher may write, in parts, and the longest part with another end.
    assert written.prompt_tokens == 24 * (4096 + 2 * 200)
    cluster = load_experiment(
        Path(DEMO), ["roles.embedder.server=scripted", "generation.engine=ray"]
    )
    assert loads(cluster, scenarios=5)[-1] == load
    turns = 5 * 3 * 6
    assert load.calls == -(-(5 + 3 * 24 + 3 * turns) // 32)
    assert load.completion_tokens == 0
    assert load.purpose == "real sessions not counted"  # they are embedded, too


def test_the_plan_counts_calls() -> None:
    demo = load_experiment(
        Path(DEMO), ["generation.sessions=10", "evaluation.max_exchanges=3", "evaluation.repeats=2"]
    )
    calls = {load.role: load.calls for load in loads(demo, scenarios=5)}
    conversations = 5 * 2 * len(demo.variants)
    assert calls["counselor"] == calls["patient"] == conversations * 3
    assert calls["judge"] == conversations
    assert calls["teacher"] == 10 + 10 + 10 + 10
    best = load_experiment(Path(DEMO), ["generation.sessions=10", "generation.best_of=4"])
    assert loads(best, scenarios=5)[0].calls == 10 + 10 + 4 * (10 + 10)


def test_parameters_are_read_from_names_and_files() -> None:
    assert parameters("Qwen/Qwen2.5-7B-Instruct") == 7e9
    assert parameters("meta-llama/Llama-3.2-1.5b") == 1.5e9
    assert parameters("some/model") is None
    micro = parameters(str(HOME / "examples/micro"))
    assert micro is not None
    assert 1e6 < micro < 1e7


FAKE_VLLM = """
import http.server, os, socketserver, sys
print("pids", os.getpid(), flush=True)

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

port = int(sys.argv[sys.argv.index("--port") + 1])
socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(("127.0.0.1", port), Handler).serve_forever()
"""


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[tuple[Run, int, "subprocess.Popen[str]"]]:
    """`hybridtune serve` with a stand-in for vLLM, found through PYTHONPATH."""
    module = tmp_path / "vllm" / "entrypoints" / "openai" / "api_server.py"
    module.parent.mkdir(parents=True)
    for package in (tmp_path / "vllm", module.parent.parent, module.parent):
        (package / "__init__.py").touch()
    module.write_text(FAKE_VLLM)
    experiment = load_experiment(Path(DEMO))
    server = {"kind": "managed", "env": {"PYTHONPATH": str(tmp_path)}}
    values = experiment.model_dump(mode="json")
    values |= {"variants": {"base": {}}, "servers": {**values["servers"], "vllm": server}}
    run = open_run(tmp_path / "run", Experiment.model_validate(values))
    port = free_port()
    command = [sys.executable, "-m", "hybridtune", "serve", str(run.path), "--port", str(port)]
    with subprocess.Popen(command, cwd=HOME, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = ""
        while "serving base" not in line:
            line = process.stderr.readline()
            assert line, "it ended"
        yield run, port, process


def pid_of(run: Run) -> int:
    return int((run.logs / "serve.log").read_text().split()[1])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_and_frees_its_port(
    serving: tuple[Run, int, "subprocess.Popen[str]"], number: signal.Signals
) -> None:
    run, port, process = serving
    assert pid_of(run) in guard.processes()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.splitlines()[-1] == "stopped"
    assert "Traceback" not in err
    assert pid_of(run) not in guard.processes()
    check_port(port, "here")


def test_serving_ends_with_the_server(serving: tuple[Run, int, "subprocess.Popen[str]"]) -> None:
    run, _, process = serving
    os.kill(pid_of(run), signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: vllm ended while it was serving (exit code 137)" in err
    assert err.splitlines()[-1] == f"  full log: {run.logs / 'serve.log'}"
    assert "Traceback" not in err
