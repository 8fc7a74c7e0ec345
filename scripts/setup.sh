#!/usr/bin/env bash
# Creates .venv beside pyproject.toml and installs hybridtune into it:
#
#   bash scripts/setup.sh [cpu|gpu|auto] [--dev]
#
# `auto`, the default, takes gpu where nvidia-smi lists one; --dev adds the development group.
# Run again it does nothing, unless pyproject.toml changed. An installation that was interrupted is
# started afresh. PYTHON=/path/to/python chooses the interpreter.
set -euo pipefail
unset CDPATH
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"
venv="$root/.venv"
stamp="$venv/.setup-done"     # written last: says what was installed
marker="$venv/.setup-running" # there while packages are written: found at the start, it was interrupted

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

extra=auto
group=run
for argument in "$@"; do
  case "$argument" in
    cpu | gpu | auto) extra="$argument" ;;
    --dev) group=dev ;;
    *) die "unknown argument '$argument' (usage: bash scripts/setup.sh [cpu|gpu|auto] [--dev])" ;;
  esac
done
if [[ "$extra" == auto ]]; then
  if [[ "$(nvidia-smi --list-gpus 2>/dev/null || true)" == GPU* ]]; then extra=gpu; else extra=cpu; fi
fi

# One installation at a time; the lock goes when this process ends, however it ends.
if command -v flock >/dev/null; then
  exec 9<pyproject.toml
  flock --nonblock 9 || { say "another set-up is running here: waiting for it"; flock 9; }
fi

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; }

usable() { [[ -x "$1" ]] && fits "$1" && "$1" -c 'import pip' 2>/dev/null; }

find_python() {
  local candidate # python3.11 first: the one that the tests run on
  for candidate in ${PYTHON:+"$PYTHON"} python3.11 python3 python3.12 python3.13 python3.14 python; do
    if command -v "$candidate" >/dev/null && fits "$candidate"; then
      command -v "$candidate"
      return
    fi
  done
  die "no Python 3.11 to 3.14 found: install one (Debian: apt install python3 python3-venv), or name it: PYTHON=/path/to/python bash scripts/setup.sh"
}

make_venv() {
  local python
  python="$(find_python)"
  say "creating .venv with $("$python" --version) ($python)"
  if "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    "$python" -m venv --clear "$venv"
  elif "$python" -c 'import venv, pip' 2>/dev/null; then # Debian without python3-venv
    "$python" -m venv --clear --without-pip "$venv"
    "$python" -m pip --python "$venv/bin/python" install --quiet pip
  else
    die "$python cannot make virtual environments: install the venv module (Debian: apt install python3-venv)"
  fi
}

# What pip is configured to use besides its default index, as arguments for uv, which does not look.
pip_settings_for_uv() {
  "$venv/bin/python" -m pip config list 2>/dev/null | "$venv/bin/python" -c '
import ast, sys
options = {"index-url": "--default-index", "extra-index-url": "--index", "find-links": "--find-links"}
arguments = {}
for line in sys.stdin:
    key, separator, value = line.strip().partition("=")
    name = key.rpartition(".")[2]
    words = ast.literal_eval(value).split() if separator else []
    if name == "no-index" and words in (["1"], ["true"], ["True"]):
        arguments["--no-index"] = None
    if name in options:
        arguments |= dict.fromkeys(f"{options[name]}={word}" for word in words)
if any(argument.startswith("--index=") for argument in arguments):
    arguments["--index-strategy=unsafe-best-match"] = None  # the newest of all, as pip chooses
print("".join(f"{argument}\n" for argument in arguments), end="")
'
}

install_with_uv() {
  local settings=() plan
  mapfile -t settings < <(pip_settings_for_uv)
  local command=("$venv/bin/uv" pip install --compile-bytecode --python "$venv/bin/python" "${settings[@]}" "${wanted[@]}")
  if ! plan="$("${command[@]}" --dry-run 2>&1)"; then
    if [[ "$extra" != cpu || ! "$plan" =~ torch==[0-9.]+\+cpu ]]; then
      die "nothing was changed, for the packages cannot be resolved: $plan"
    fi
    say "no CPU build of torch on the configured indexes: adding PyTorch's own"
    command+=(--torch-backend cpu)
  fi
  touch "$marker"
  "${command[@]}"
}

install_with_pip() {
  say "uv cannot be had: taking pip, which is slower"
  touch "$marker"
  "$venv/bin/python" -m pip install --quiet --upgrade 'pip>=25.1' # the first that knows --group
  "$venv/bin/python" -m pip install "${wanted[@]}"
  if [[ "$extra" == cpu ]]; then # only uv leaves these out beforehand; pyproject.toml says why
    "$venv/bin/python" -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
  fi
}

digest() {
  { cat pyproject.toml scripts/setup.sh; "$venv/bin/python" --version; } \
    | "$venv/bin/python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())'
}

# A group installed earlier stays wanted, so that demo.sh after test.sh installs nothing.
if [[ -f "$stamp" ]] && grep -qx 'group dev' "$stamp"; then group=dev; fi

if [[ -e "$marker" ]]; then
  say "an earlier installation was interrupted: starting afresh"
  make_venv
elif ! usable "$venv/bin/python"; then
  make_venv
elif [[ -f "$stamp" ]] && ! grep -qx "extra $extra" "$stamp"; then
  say "changing to the $extra build: starting afresh"
  make_venv # an installed CPU torch would satisfy the GPU extra, and the other way round
elif [[ -f "$stamp" ]] && ! grep -qxF "root $root" "$stamp"; then
  say "this folder was moved: starting afresh"
  make_venv # its commands name the old place
fi

wanted_stamp="$(printf 'root %s\nextra %s\ngroup %s\ndigest %s' "$root" "$extra" "$group" "$(digest)")"
if [[ -f "$stamp" && "$(cat "$stamp")" == "$wanted_stamp" ]]; then
  say ".venv is up to date ($extra)"
  exit 0
fi

wanted=(--editable ".[$extra]")
if [[ "$group" == dev ]]; then wanted+=(--group dev); fi
say "installing hybridtune[$extra]$([[ "$group" == dev ]] && printf ' and the development group') into .venv"
rm -f "$stamp"
if "$venv/bin/python" -m pip install -qq --disable-pip-version-check 'uv>=0.9.8'; then
  install_with_uv
else
  install_with_pip
fi
printf '%s\n' "$wanted_stamp" >"$stamp"
rm -f "$marker"
say "done"
