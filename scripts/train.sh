#!/usr/bin/env bash
# Trains one variant of a run, on every GPU that is visible (CUDA_VISIBLE_DEVICES), else on the CPU:
#
#   bash scripts/train.sh RUN_DIR VARIANT [options of `accelerate launch`]
#
# An own --config_file (configs/accelerate/fsdp2.yaml, ...) replaces the choice made here.
set -euo pipefail
unset CDPATH
if [[ $# -lt 2 || "$1" == -* || "$2" == -* ]]; then
  echo "usage: bash scripts/train.sh RUN_DIR VARIANT [options of accelerate launch]" >&2
  exit 2
fi
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
run="$(realpath -- "$1")"
variant="$2"
shift 2
bash "$root/scripts/setup.sh"
cd "$root"
if [[ " $* " == *" --config"[_-]"file"* ]]; then
  launch=()
else
  gpus="$(.venv/bin/python -c 'import torch; print(torch.cuda.device_count())')"
  launch=(--config_file accelerate_config.yaml)
  if ((gpus > 1)); then
    launch=(--config_file configs/accelerate/multi_gpu.yaml --num_processes "$gpus")
  fi
fi
exec .venv/bin/accelerate launch "${launch[@]}" "$@" -m training.sft --run "$run" --variant "$variant"
