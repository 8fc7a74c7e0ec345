#!/usr/bin/env bash
# Installs what is missing, the development group included, and runs the tests:
#
#   bash scripts/test.sh [options of pytest]
set -euo pipefail
unset CDPATH
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
bash "$root/scripts/setup.sh" --dev
cd "$root"
exec .venv/bin/python -m pytest "$@"
