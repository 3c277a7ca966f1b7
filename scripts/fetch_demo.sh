#!/usr/bin/env bash
# Fetches the demo imagery into .demo: two crops of NEON camera mosaics (10 cm, 2019, Yellowstone, CC0), as shipped in
# the PyPI package deepforest 2.1.0 (MIT). Version and hashes are pinned; what is there already is not fetched again.
#
# The crops carry no georeference. The name of a crop gives the lower-left corner of the 1 km tile it was cut from, but not
# where in the tile. So each is laid at the tile's upper-left corner: size and scale are true, the position is not (it
# is off by up to 1 km). The year is known, the day is not, so no acquisition date is set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

wheel_sha256="8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54"
hashes() {
  cat <<'EOF'
a9bdb0f4447fdd899d22f567e0e20ba8320c5413b2ad0cd0ac8d9f3b6e0f9767  2019_YELL_2_528000_4978000_image_crop2.png
bd431af6a5086d721eb731b22f5ea28cd8a8eab06883efc1c665391acbc68e11  2019_YELL_2_528000_4978000_image_crop2.xml
178e58a23cc2642226a364a30f71bd9258ddc1b012c826f12250914a90c7a131  2019_YELL_2_541000_4977000_image_crop.png
cefe4b96888bacbf8af1674f000082e549aa707aa6590d545effb23e43f26631  2019_YELL_2_541000_4977000_image_crop.xml
EOF
}

data=".demo/deepforest/data" # as in the package: where configs/tree-health/train.toml looks for it
mkdir -p "$data"
if ! (cd "$data" && hashes | sha256sum --check --status 2>/dev/null); then
  scripts/setup.sh --demo
  echo "fetch_demo: downloading deepforest 2.1.0 (20 MB) from PyPI"
  hashes | cut -c67- | sed 's|^|deepforest/data/|' | xargs scripts/fetch_wheel.sh deepforest==2.1.0 "$wheel_sha256" "$data"
  (cd "$data" && hashes | sha256sum --check --quiet)
fi

# georeference PNG NAME X Y: upper-left pixel's center in EPSG:32612 (UTM 12 N), 10 cm pixels. A world file keeps 0.1 exact.
georeference() {
  local png="$data/$1" tif=".demo/$2.tif"
  [[ -e "$tif" ]] && return
  printf '%s\n' 0.1 0 0 -0.1 "$3" "$4" >"${png%.png}.pgw"
  gdal_translate -q -of GTiff -co TILED=YES -co COMPRESS=DEFLATE -co PREDICTOR=2 --config GDAL_PAM_ENABLED NO \
    -b 1 -b 2 -b 3 -noxmp -a_srs EPSG:32612 "$png" "$tif.part"
  mv "$tif.part" "$tif"
}
georeference 2019_YELL_2_528000_4978000_image_crop2.png yellowstone 528000.05 4978999.95
georeference 2019_YELL_2_541000_4977000_image_crop.png yellowstone-small 541000.05 4977999.95
echo "fetch_demo: .demo/yellowstone.tif and .demo/yellowstone-small.tif (true scale; place in the 1 km tile assumed)"
