#!/usr/bin/env bash
# The program and the style of the published page: built from viewer/ with npm and node into crates/arpent-viewer/dist, which is committed.
#   viewer.sh          builds
#   viewer.sh --check  checks types, builds elsewhere, and fails if crates/arpent-viewer/dist is not what comes out
#   viewer.sh --test   the tests of the page, in headless Chromium (scripts/setup.sh --test)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mode="${1:-}"
case "$mode" in "" | --check | --test) ;; *) sed -n '2,5p' "$0" >&2; exit 2 ;; esac
dist="$PWD/crates/arpent-viewer/dist"

cd viewer
lock="node_modules/.done-$(sha256sum package-lock.json | cut -c1-16)"
if [[ ! -e "$lock" ]]; then
  echo "viewer: installing the packages of viewer/package-lock.json"
  npm ci --silent --no-audit --no-fund --ignore-scripts
  touch "$lock"
fi
case "$mode" in
  --test) exec node --test tests/*.test.mjs ;;
  "") node build.mjs "$dist" ;;
  --check)
    node_modules/.bin/tsc --project .
    made="$(mktemp -d)"
    trap 'rm -rf "$made"' EXIT
    node build.mjs "$made"
    diff --brief "$made" "$dist" || { echo "viewer: crates/arpent-viewer/dist is not what viewer/ gives. hint: scripts/viewer.sh" >&2; exit 1; }
    echo "viewer: crates/arpent-viewer/dist is what viewer/ gives ($(stat -c %s "$dist/viewer.js") bytes of script)" ;;
esac
