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
# The detail lies in the east of the scene, which the network was not trained on.
.venv/bin/python scripts/demo_picture.py "$out" --scene "$scene" --png .demo/map.png --at 528163,4978832 --line 528096 \
  --credit "Imagery: NEON, 10 cm, 2019, CC0; place assumed. West of the white line was trained on, the east held out."

echo
echo "The map:     $PWD/$out   (open map.qgz in QGIS; manifest.json lists every file)"
echo "Its picture: $PWD/.demo/map.png"
echo "In a browser: $arpent view $out"
