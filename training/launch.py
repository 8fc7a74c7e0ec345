"""Starts the training of a variant in processes of its own and shows how far it is. No torch here.

Writes `variants/<name>/dataset.jsonl` and `held_out.jsonl` (then `training.sft` reads them; it
writes those of a budget in trained tokens itself) and `logs/train-<name>.log`.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape

from hybridtune import guard
from hybridtune.config.training import TrainingSettings
from hybridtune.domain import Domain
from hybridtune.errors import StageError
from hybridtune.progress import Reporter, Task
from hybridtune.runs import Run
from training.launch_file import accelerate_config, check_launch, cpu_asked, processes_asked
from training.layout import layout_of
from training.mixture import trained_variant, write_mixture
from training.options import check_training
from training.progress import parse
from training.remedies import remedy, telling_lines

# To finish the step that runs and to save a checkpoint, when the training is to stop.
SAVING_S = 180.0
ENVIRONMENT = {
    # Threads that wait for each other asleep cost little on an idle machine; awake they make a
    # training on a busy CPU several times slower.
    "OMP_WAIT_POLICY": "passive",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    # `-m training.sft` shall find ours, whatever lies in the working folder.
    "PYTHONSAFEPATH": "1",
}


def train_variant(run: Run, variant: str, domain: Domain, reporter: Reporter) -> None:
    """Mix a variant's sessions and train its adapter; resumes what was interrupted.

    Raises:
        ConfigError: an option that TRL, PEFT or vLLM would refuse.
        StageError: the training failed; with the last useful lines of its log.
    """
    settings = run.experiment.training
    check_training(settings)
    check_launch(settings, accelerate_config(settings.accelerate_config))
    command = launch_command(run, variant, domain)
    if trained_variant(run.experiment, variant).counts_tokens:
        # That takes the tokenizer: the training itself mixes anew.
        (run.variant(variant) / "dataset.jsonl").unlink(missing_ok=True)
    else:
        write_mixture(run, variant)
    log = run.logs / f"train-{variant}.log"
    start = log.stat().st_size if log.exists() else 0
    process = guard.start(
        command, log=log, env=environment(settings), grace_s=SAVING_S, with_children=True
    )
    try:
        show(follow(process, log, start), variant, reporter)
        code = process.wait()
    except KeyboardInterrupt:
        reporter.say(f"training {variant}: stopping, after a checkpoint of the step that runs")
        guard.stop(process, grace_s=SAVING_S)
        for line in telling_lines(text_since(log, start)):
            reporter.say(escape(line.removeprefix("error: ")))
        raise
    finally:
        guard.stop(process)
    if code:
        raise StageError(failure(f"training {variant}", code, log, start))


def launch_command(run: Run, variant: str, domain: Domain) -> list[str]:
    """The command line that trains a variant; every path in it is absolute."""
    settings = run.experiment.training
    config = accelerate_config(settings.accelerate_config)
    command = [sys.executable, "-m", "accelerate.commands.launch", "--quiet"]
    command += ["--config_file", str(config), *settings.accelerate_args]
    layout = layout_of(settings)
    # accelerate's launcher of a single process overrules the variable, but not its own option.
    told = layout.kind == "NO" and cpu_asked({**os.environ, **settings.env})
    command += ["--cpu"] if told and "--cpu" not in settings.accelerate_args else []
    command += ["-m", "training.sft"]
    command += ["--run", str(run.path.resolve()), "--variant", variant]
    command += ["--domain", str(domain.path.resolve())]
    processes = processes_asked(config, settings.accelerate_args)
    return command + (["--processes", str(processes)] if processes else [])


def environment(settings: TrainingSettings) -> dict[str, str]:
    """Environment variables of the training: the user's win over ours."""
    # accelerate sets one thread where nothing is said, which on a CPU is slow.
    threads = os.environ.get("OMP_NUM_THREADS") or str(os.cpu_count() or 1)
    found = {**ENVIRONMENT, "OMP_NUM_THREADS": threads}
    if "CUDA_VISIBLE_DEVICES" not in os.environ and layout_of(settings).kind == "NO":
        # A single process that sees several GPUs would spread over all of them.
        found["CUDA_VISIBLE_DEVICES"] = "0"
    return {**found, **settings.env}


def follow(process: "subprocess.Popen[bytes]", log: Path, start: int) -> Iterator[str]:
    """The lines that a process adds to its log, until it ends."""
    with log.open(encoding="utf-8", errors="replace") as text:
        text.seek(start)
        rest = ""
        while True:
            ended = process.poll() is not None
            *lines, rest = (rest + text.read()).split("\n")
            yield from lines
            if ended:
                return
            time.sleep(0.2)


def show(lines: Iterator[str], variant: str, reporter: Reporter) -> None:
    """Show loading, then the optimiser steps; warnings are passed on."""
    first = None
    with reporter.task(f"training {variant}: loading"):
        while first is None and (line := next(lines, None)) is not None:
            first = parse(line)
            tell_warning(line, reporter)
    if first is None:
        return
    with reporter.task(f"training {variant}", total=first.steps) as task:
        task.skip(first.step)
        for line in lines:
            tell_warning(line, reporter)
            if progress := parse(line):
                advance(task, progress.step, progress.note)


def tell_warning(line: str, reporter: Reporter) -> None:
    """Our own warnings are for the user; the libraries' stay in the log."""
    if line.startswith("warning: "):
        reporter.say(line)


def advance(task: Task, step: int, note: str) -> None:
    """Move a bar to a step."""
    while task.skipped + task.done < step:
        task.advance(note=note)


def failure(what: str, code: int, log: Path, start: int) -> str:
    """What to tell about a process that failed: reason, remedy, log."""
    text = text_since(log, start)
    lines = telling_lines(text) or ["it wrote no error; was it killed, for want of memory perhaps?"]
    advice = remedy(text)
    told = [f"{what} ended with exit code {code}", *(f"    {line}" for line in lines)]
    told += [f"  likely remedy: {advice}"] if advice else []
    return "\n".join([*told, f"  full log: {log}"])


def text_since(log: Path, start: int) -> str:
    """What was written to a log from a byte on."""
    with log.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")
