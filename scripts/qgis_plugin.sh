#!/usr/bin/env bash
# The plugin of QGIS (qgis/arpent).
#   qgis_plugin.sh                    packs it: target/qgis/arpent-VERSION.zip, for Plugins > Manage and Install Plugins > Install from ZIP
#   qgis_plugin.sh --test [NAME...]   installs the archive into a fresh profile and runs every algorithm with the debug build, without a screen
# The tests need Debian's python3-qgis and qgis-providers (scripts/setup.sh --test); ARPENT_PROGRAM names another program.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mode="${1:-}"
case "$mode" in "" | --test) ;; *) sed -n '2,5p' "$0" >&2; exit 2 ;; esac
target="${CARGO_TARGET_DIR:-target}"
# The bindings belong to the system's Python, which is often not the first on PATH.
python="${QGIS_PYTHON:-/usr/bin/python3}"

if [[ "$mode" == "" ]]; then
  exec python3 qgis/pack.py "$target/qgis"
fi
if ! "$python" -c 'import qgis.core, osgeo.gdal' 2>/dev/null; then
  echo "qgis_plugin: skipped for lack of qgis: $python has no QGIS. hint: scripts/setup.sh --test"
  [[ ",${ARPENT_TESTS_REQUIRE:-}," != *,qgis,* ]] || exit 1
  exit 0
fi
export ARPENT_PROGRAM="${ARPENT_PROGRAM:-$(realpath "$target")/debug/arpent}" QT_QPA_PLATFORM=offscreen PYTHONDONTWRITEBYTECODE=1
[[ -x "$ARPENT_PROGRAM" ]] || { echo "qgis_plugin: $ARPENT_PROGRAM is missing. hint: just build" >&2; exit 1; }
exec "$python" qgis/tests/run.py "${@:2}"
