#!/usr/bin/env bash
# Runs every configs/<task>/run.toml on the small demo scene with the debug build, and hashes what it wrote again.
# One output folder per task, under target/smoke: scripts/validate_outputs.py reads them afterwards.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target="${CARGO_TARGET_DIR:-target}"
arpent="$target/debug/arpent"
scripts/fetch_demo.sh
ran=0
for config in configs/*/run.toml; do
  [[ -e "$config" ]] || continue
  task="$(basename "$(dirname "$config")")"
  out="$target/smoke/$task"
  echo "smoke: $config"
  "$arpent" run "$config" --scene .demo/yellowstone-small.tif --output "$out" --overwrite
  "$arpent" verify "$out"
  ran=$((ran + 1))
done
((ran)) || { echo "smoke: no configs/*/run.toml" >&2; exit 1; }
