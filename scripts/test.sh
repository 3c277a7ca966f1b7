#!/usr/bin/env bash
# Installs what is missing, then runs everything CI runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh --test
export PATH="$PWD/.venv/bin:$PATH"
exec just ci
