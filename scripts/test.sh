#!/usr/bin/env bash
# Installs what is missing, the development group included, and runs the tests:
#
#   bash scripts/test.sh [options of pytest]
#
# Without options, two processes share all tests; more would start more than two vLLM servers.
set -euo pipefail
unset CDPATH
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
bash "$root/scripts/setup.sh" --dev
cd "$root"
if (($# == 0)); then
  set -- --numprocesses 2 --dist loadscope --no-loadscope-reorder
fi
exec .venv/bin/python -m pytest "$@"
