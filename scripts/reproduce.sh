#!/usr/bin/env bash
# Runs a whole experiment, by default the paper's:
#
#   bash scripts/reproduce.sh [CONFIG.yaml] [options of `hybridtune reproduce`]
set -euo pipefail
unset CDPATH
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
config="$root/configs/paper.yaml"
if [[ $# -gt 0 && "$1" != -* ]]; then
  config="$(realpath -- "$1")"
  shift
fi
bash "$root/scripts/setup.sh"
cd "$root"
exec .venv/bin/hybridtune reproduce "$config" "$@"
