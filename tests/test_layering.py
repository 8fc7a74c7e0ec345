"""Who may import whom, and what must not be imported at all."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STAGES = ("corpus", "generation", "training", "eval")
PACKAGES = ("hybridtune", *STAGES)
HEAVY = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "vllm")

IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, name + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def imports(source: str) -> set[str]:
    """The absolute module names that a source imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports are banned"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def is_command_line(module: str) -> bool:
    return f"{module}.".startswith(("hybridtune.cli.", "hybridtune.__main__."))


def forbidden(module: str, imported: str) -> bool:
    """Whether the layers forbid `module` to import `imported`, both by their dotted names."""
    mine, its = module.partition(".")[0], imported.partition(".")[0]
    if its not in PACKAGES:
        return its in {"tests", "scripts", "benchmarks"}
    if is_command_line(module):
        return False
    return is_command_line(imported) or (its in STAGES and its != mine)


def sources() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def modules_after_importing(*packages: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *packages],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("module", "imported", "expected"),
    [
        ("corpus.clean", "hybridtune.records.Session", False),
        ("corpus.clean", "generation.personas", True),
        ("hybridtune.runs", "corpus.clean", True),
        ("hybridtune.runs", "hybridtune.cli.main", True),
        ("eval.report", "hybridtune.cli", True),
        ("hybridtune.cli.commands", "training.sft", False),
        ("training.sft", "torch.nn", False),
    ],
)
def test_the_rule_itself(module: str, imported: str, expected: bool) -> None:
    assert forbidden(module, imported) is expected


def test_layers() -> None:
    crossed = []
    for path in sources():
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for imported in imports(path.read_text(encoding="utf-8")):
            if forbidden(module, imported):
                crossed.append(f"{path.relative_to(ROOT)} imports {imported}")
    assert not crossed


def test_no_torch_outside_training() -> None:
    loaded = modules_after_importing("hybridtune", "corpus", "generation", "eval")
    assert {"hybridtune", "corpus", "generation", "eval"} <= loaded
    assert not loaded & set(HEAVY)


def test_command_line_imports_lazily() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, hybridtune.cli; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not set(done.stdout.split()) & {*HEAVY, *STAGES, "scipy", "matplotlib", "numpy"}


def test_no_index_hosts_or_machine_paths() -> None:
    # Put together here so that this file does not hold what it looks for.
    hosts = ["py" + "pi.org", "python" + "hosted.org", "download.py" + "torch.org"]
    folders = ["work", "opt/py" + "pi", "opt/wheels", "root"]
    pattern = re.compile(
        "|".join([*map(re.escape, hosts), *(rf"(?<![\w.}}/$-])/{each}/" for each in folders)])
    )
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    found = []
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and path.stat().st_size < 2_000_000:
            text = path.read_bytes().decode("utf-8", errors="ignore")
            found += [f"{name}: {match.group()}" for match in pattern.finditer(text)]
    assert not found
