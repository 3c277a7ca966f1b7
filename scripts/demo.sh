#!/usr/bin/env bash
# From nothing to a map: installs what is missing, fetches the scene, builds, runs, draws the picture.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scene=".demo/yellowstone.tif"
out=".demo/out"

scripts/setup.sh --demo
scripts/fetch_demo.sh
cargo build --release --locked -p arpent
arpent="${CARGO_TARGET_DIR:-target}/release/arpent"
"$arpent" run configs/tree-health/run.toml --scene "$scene" --output "$out" --overwrite
"$arpent" inspect "$out"
.venv/bin/python scripts/demo_picture.py "$out" --scene "$scene" --png .demo/map.png \
  --credit "Imagery: NEON camera mosaic, 10 cm, 2019, CC0; its place in the 1 km tile is assumed."

echo
echo "The map:     $PWD/$out   (open features.gpkg and labels.tif in QGIS; manifest.json lists every file)"
echo "Its picture: $PWD/.demo/map.png"
