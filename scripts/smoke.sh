#!/usr/bin/env bash
# Runs every configs/<task>/run.toml, and coverage.toml, on the small demo scene with the debug build, and hashes what it wrote again;
# those whose model is not shipped are left to the training tests.
# One output folder per task, under target/smoke, and their catalog: scripts/validate_outputs.py reads them afterwards.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target="${CARGO_TARGET_DIR:-target}"
arpent="$target/debug/arpent"
scripts/fetch_demo.sh
ran=0
for config in configs/*/{run,coverage}.toml; do
  [[ -e "$config" ]] || continue
  task="$(basename "$(dirname "$config")")"
  model="$(dirname "$config")/$(sed -n 's/^model *= *"\(.*\)".*/\1/p' "$config" | head -n1)"
  if [[ ! -e "$model/model.json" ]]; then
    echo "smoke: $config is left out: $model is not there (train it: arpent train fit $(dirname "$config")/train.toml)"
    continue
  fi
  scene=.demo/yellowstone-small.tif
  # The demo scene has 10 cm; cracks want millimeters. A part of it as if it had 3 mm makes a map of nothing with every artifact.
  if [[ "$task" == road-damage ]]; then
    scene="$target/smoke-3mm.tif"
    gdal_translate -q -srcwin 0 0 640 640 -a_ullr 541000 4978000 541001.92 4977998.08 .demo/yellowstone-small.tif "$scene"
  fi
  out="$target/smoke/$task"
  if [[ "$config" == */coverage.toml ]]; then out+="-coverage"; fi
  echo "smoke: $config"
  "$arpent" run "$config" --scene "$scene" --output "$out" --overwrite
  "$arpent" check "$out"
  ran=$((ran + 1))
done
((ran)) || { echo "smoke: no configs/*/run.toml" >&2; exit 1; }
"$arpent" catalog "$target/smoke" --title "Smoke runs"
