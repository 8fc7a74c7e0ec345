#!/usr/bin/env bash
# Installs what is missing and runs the whole experiment at demo size on this machine:
#
#   bash scripts/demo.sh [options of `hybridtune reproduce`]
set -euo pipefail
unset CDPATH
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
bash "$root/scripts/setup.sh"
cd "$root" # so that the run folder is runs/demo of this clone
config=configs/demo.yaml
# The same, in bfloat16, which vLLM's LoRA kernels need on a GPU.
if grep -qx "extra gpu" .venv/.setup-done 2>/dev/null; then config=configs/demo-gpu.yaml; fi
exec .venv/bin/hybridtune reproduce "$config" "$@"
