#!/usr/bin/env bash
# Installs what is missing, then runs everything CI runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh --test
scripts/fetch_csmask.sh # published networks that tests import
export PATH="$PWD/.venv/bin:$PATH"
# What setup.sh has installed must be used: a test that lacks it fails. Without it (`just test`) such a test is skipped and counted.
export ARPENT_TESTS_REQUIRE="arpent,slurm,azurite,kubernetes-schemas,dev-full,mdbook,csmask,qgis,postgis"
[[ "$(uname -m)" != x86_64 ]] || export ARPENT_TESTS_REQUIRE+=",seaweedfs"
! grep -qs '^ID=debian' /etc/os-release || export ARPENT_TESTS_REQUIRE+=",chromium"
exec just ci
