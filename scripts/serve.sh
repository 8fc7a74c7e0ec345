#!/usr/bin/env bash
# Serves the variants of a run (base, real, hybrid) to any OpenAI client from one vLLM:
#
#   bash scripts/serve.sh RUN_DIR [options of `hybridtune serve`, such as --port 8000]
set -euo pipefail
unset CDPATH
if [[ $# -lt 1 || "$1" == -* ]]; then
  echo "usage: bash scripts/serve.sh RUN_DIR [options of hybridtune serve]" >&2
  exit 2
fi
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
run="$(realpath -- "$1")"
shift
bash "$root/scripts/setup.sh"
cd "$root"
exec .venv/bin/hybridtune serve "$run" "$@"
