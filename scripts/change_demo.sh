#!/usr/bin/env bash
# From nothing to a change map: a real scene of 2019, and a later date that is made of it (another light, and three plots that are
# laid bare), since no pair of dates may be shipped. Their images are compared, without any model.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
before=".demo/yellowstone.tif"
place=".demo/change"
out="$place/out"

scripts/setup.sh --demo
scripts/fetch_demo.sh
cargo build --release --locked -p arpent
arpent="${CARGO_TARGET_DIR:-target}/release/arpent"

rm -rf "$place" && mkdir -p "$place"
gdal_translate -q -scale 0 255 0 225 "$before" "$place/after.tif"
read -r west north < <(gdalinfo "$before" | sed -n 's/^Origin = (\([-0-9.]*\),\([-0-9.]*\))/\1 \2/p')
square() { # east and south of the corner, and the side, meters
  awk -v w="$west" -v n="$north" -v x="$1" -v y="$2" -v s="$3" 'BEGIN { w += x; n -= y
    printf "[[[%f,%f],[%f,%f],[%f,%f],[%f,%f],[%f,%f]]]", w, n, w+s, n, w+s, n-s, w, n-s, w, n }'
}
plot() { printf '{"type":"Feature","properties":{},"geometry":{"type":"Polygon","coordinates":%s}}' "$(square "$@")"; }
crs="$(gdalsrsinfo -o epsg "$before" | tr -d '\n' | sed 's/EPSG:/urn:ogc:def:crs:EPSG::/')"
printf '{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"%s"}},"features":[%s,%s,%s]}\n' \
  "$crs" "$(plot 20 20 12)" "$(plot 60 40 9)" "$(plot 35 70 15)" >"$place/plots.geojson"
gdal_rasterize -q -b 1 -b 2 -b 3 -burn 176 -burn 158 -burn 132 "$place/plots.geojson" "$place/after.tif"

cat >"$place/change.toml" <<E2
[before]
scenes = ["../yellowstone.tif"]
date = "2019"
[after]
scenes = ["after.tif"]
date = "2022"
[events]
min_area_m2 = 2.0
E2
"$arpent" change "$place/change.toml" --output "$out" --overwrite
"$arpent" inspect "$out"

echo
echo "The changes: $PWD/$out   (open map.qgz over .demo/yellowstone.tif and $place/after.tif in QGIS)"
echo "The later date is made of the earlier one; plots.geojson has what was laid bare."
