#!/usr/bin/env bash
# Fuzzes every target, or those named.
#   fuzz.sh [SECONDS] [TARGET...]   seconds for each target, 60 without
# What is found lies in fuzz/artifacts/<target>, what is worth keeping for the next time in fuzz/target/corpus/<target>.
# FUZZ_RUNS=N ends a target after N executions too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
seconds="${1:-60}"
(($# == 0)) || shift
wanted=" $* "
export PATH="$PWD/.venv/bin:$PATH" RUSTC_BOOTSTRAP=1
if ! command -v cargo-fuzz >/dev/null; then
  [[ -x .venv/bin/pip ]] || python3 -m venv .venv
  grep -e -cargo-fuzz= scripts/requirements-tools.txt |
    .venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r /dev/stdin
fi

# Files of the targets, gone with this script.
TMPDIR="$(mktemp -d)"
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
python3 scripts/fuzz_seeds.py "$TMPDIR/seeds"

failed=()
for package in light heavy; do
  # The code has almost no `unsafe`: an address sanitizer would watch little, at twice the time to build.
  options=(--fuzz-dir "fuzz/$package" --target-dir "$PWD/fuzz/target" --sanitizer none)
  for target in $(cargo fuzz list --fuzz-dir "fuzz/$package"); do
    [[ "$wanted" == "  " || "$wanted" == *" $target "* ]] || continue
    corpus="fuzz/target/corpus/$target"
    log="fuzz/target/$target.log"
    mkdir -p "$corpus"
    echo "fuzz: $target"
    cargo fuzz run "${options[@]}" "$target" "$corpus" "$TMPDIR/seeds/$target" -- \
      -dict="$TMPDIR/seeds/$target.dict" -max_total_time="$seconds" -runs="${FUZZ_RUNS:--1}" \
      -rss_limit_mb=4096 -timeout=20 -max_len=16384 -print_final_stats=1 >"$log" 2>&1 || failed+=("$target")
    grep -E 'DONE|number_of_executed_units|panicked|ERROR' "$log" | tail -4 || tail -5 "$log"
  done
done
if ((${#failed[@]})); then
  echo "fuzz: found something in ${failed[*]}, see fuzz/target/*.log and fuzz/*/artifacts" >&2
  exit 1
fi
