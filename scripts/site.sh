#!/usr/bin/env bash
# Builds the documentation site with mdBook: the pages that docs/SUMMARY.md lists, and the files that they link to. Needs no network.
#   site.sh [FOLDER]   where to write it, replacing what is there; target/site by default
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
site="$(realpath -m "${1:-${CARGO_TARGET_DIR:-target}/site}")"
book="$(mktemp -d)"
trap 'rm -rf "$book"' EXIT
mkdir "$book/src"
cp --parents -r ./*.md LICENSE* docs configs datasets/cards models/README.md models/*/card.md models/*/model.json benches/runs "$book/src"
cp --parents benches/peers/*.py "$book/src"
cp docs/book.toml docs/site.css "$book/"
# SUMMARY.md names pages from its own folder, mdBook wants them from the top.
sed -E 's#\]\(#](docs/#; s#\(docs/\.\./#(#' docs/SUMMARY.md > "$book/src/SUMMARY.md"
RUST_LOG="${RUST_LOG:-warn}" mdbook build "$book" --dest-dir "$site"
echo "site: $site/index.html"
