#!/usr/bin/env bash
# Fetches the networks of ukis-csmask 1.0.0 into .demo/csmask: clouds and their shadows in Sentinel-2 and Landsat (German Aerospace
# Center, Apache-2.0), four ONNX files of 40 MB with their statistics (JSON) and the license, as shipped in the PyPI package. Version
# and hashes are pinned; what is there already is not fetched again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wheel_sha256="898d6efe59b3908ec92aabad3f61a56394ff81d997a2ebe5675732503a18d1f1"
hashes() {
  cat <<'EOF'
5577e4e5f2bec02fa4478ed6788f91dc71c8345404a7c552779183fd844e2fcd  model_4b_l1c.json
81611f290adc315b86bb7e7c69b0f2496b3abe0390c2a5c8e9e9da9622e8a0c8  model_4b_l1c.onnx
ac4108ce3b80ee70393df313faada01a7bcbe1be603965a44120e929c975f024  model_4b_l2a.json
3884d75ca497ec59d8335973477bd31eb038857007bbb36fb2aba1ad375ee043  model_4b_l2a.onnx
b575f242f91699f8e2836161ebb362fba7043423cf2741d45ef58a02976b6b7f  model_6b_l1c.json
aa79e9a0f02ff8e0243d93771d1daf6a8d1166b7ac06c3771560b83367c6c573  model_6b_l1c.onnx
89b0df80fd67c33eb99843512f3703f3bb0415cc7f58157ce49c00d3ef88aae3  model_6b_l2a.json
d11c530978637ca420eedc40791c62bf78997dd39e1201777e2527e4bd94904e  model_6b_l2a.onnx
24372bebd1db344914018d95de48ed607f7225f927eaf92337ee2bffa4dfd448  LICENSE
EOF
}

data=".demo/csmask"
mkdir -p "$data"
if ! (cd "$data" && hashes | sha256sum --check --status 2>/dev/null); then
  echo "fetch_csmask: downloading ukis-csmask 1.0.0 (145 MB) from PyPI"
  hashes | cut -c67- | xargs scripts/fetch_wheel.sh ukis-csmask==1.0.0 "$wheel_sha256" "$data"
  (cd "$data" && hashes | sha256sum --check --quiet)
fi
echo "fetch_csmask: $data/model_{4b,6b}_{l1c,l2a}.onnx"
