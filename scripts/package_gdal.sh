#!/usr/bin/env bash
# GDAL for the wheel (scripts/package.sh wheel): the distribution's source and version, with the formats that arpent opens or writes and no others
# (crates/arpent-gdal/src/guard/drivers.rs), so that no library under the GPL and little else comes along. PROJ, libtiff and curl are built with it:
# the distribution's libtiff links jbigkit (GPL), its curl protocols that are not used here.
#   package_gdal.sh     prints the folder in which they are; builds them first unless this script has built these versions before
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
missing=""; for tool in cmake dpkg-buildflags gdal-config ninja sqlite3; do command -v "$tool" >/dev/null || missing+=" $tool"; done
for library in libnghttp2 openssl; do pkg-config --exists "$library" || missing+=" $library"; done
if [[ -n "$missing" ]]; then
  echo "package_gdal: not found:$missing. hint: apt-get install cmake dpkg-dev libgdal-dev libnghttp2-dev libssl-dev ninja-build sqlite3" >&2
  exit 2
fi
root="$PWD/target/package-gdal/$(gdal-config --version)-$(sha256sum "${BASH_SOURCE[0]}" | cut -c1-12)"
prefix="$root/prefix"
if [[ -e "$root/done" ]]; then echo "$prefix" && exit; fi
rm -rf "$root" && mkdir -p "$prefix/licenses" "$root"/{source,apt/{parts,lists/partial,cache/archives/partial}}
exec 3>&1 1>&2

# Sources of the release that this runs on, with lists of their own: nothing of the system is changed.
cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed 's/^Types:.*/Types: deb-src/' >"$root/apt/parts/all.sources" || true
cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null | sed -n 's/^deb /deb-src /p' >"$root/apt/parts/all.list" || true
apt=(apt-get -q -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$root/apt/parts" -o "Dir::State::lists=$root/apt/lists"
  -o "Dir::Cache=$root/apt/cache")
"${apt[@]}" update
(cd "$root/source" && for name in curl tiff proj gdal; do "${apt[@]}" source "$name"; done)

# The distribution's flags, without debug information.
eval "$(DEB_BUILD_MAINT_OPTIONS=hardening=+all DEB_CFLAGS_MAINT_STRIP=-g DEB_CXXFLAGS_MAINT_STRIP=-g dpkg-buildflags --export=sh)"
export CFLAGS="$CFLAGS $CPPFLAGS" CXXFLAGS="$CXXFLAGS $CPPFLAGS"
# build NAME OPTION... : `X` is -DX=ON, `no-X` -DX=OFF.
build() {
  local name="$1" source option; shift
  source="$(echo "$root/source/$name"-*/)"
  local options=(-G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_PREFIX_PATH="$prefix")
  for option in "$@" BUILD_SHARED_LIBS no-BUILD_TESTING; do
    case "$option" in *=*) options+=("-D$option") ;; no-*) options+=("-D${option#no-}=OFF") ;; *) options+=("-D$option=ON") ;; esac
  done
  cmake -S "$source" -B "$root/build/$name" "${options[@]}"
  cmake --build "$root/build/$name"
  cmake --install "$root/build/$name" --strip
  cp "$source/debian/copyright" "$prefix/licenses/$name"
}
build curl no-BUILD_CURL_EXE HTTP_ONLY CURL_USE_OPENSSL USE_NGHTTP2 CURL_ZSTD no-CURL_USE_LIBSSH2 no-CURL_USE_LIBPSL no-USE_LIBIDN2 \
  CURL_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt CURL_CA_PATH=none
build tiff no-jbig no-cxx no-tiff-tools no-tiff-tests no-tiff-contrib no-tiff-docs
build proj no-BUILD_APPS CURL_NO_CURL_CMAKE # with the file that curl installs for CMake, PROJ does not link curl
build gdal no-BUILD_APPS no-BUILD_PYTHON_BINDINGS GDAL_HIDE_INTERNAL_SYMBOLS no-GDAL_USE_EXTERNAL_LIBS no-GDAL_USE_INTERNAL_LIBS \
  GDAL_USE_{CURL,DEFLATE,EXPAT,GEOS,JPEG,JSONC,LIBKML,LIBLZMA,OPENJPEG,OPENSSL,PNG,SQLITE3,TIFF,WEBP,ZLIB,ZSTD} GDAL_USE_GEOTIFF_INTERNAL \
  RENAME_INTERNAL_GEOTIFF_SYMBOLS no-GDAL_BUILD_OPTIONAL_DRIVERS GDAL_ENABLE_DRIVER_{AAIGRID,JP2OPENJPEG,JPEG,NITF,PNG,RAW,SAFE,SENTINEL2,WEBP} \
  no-OGR_BUILD_OPTIONAL_DRIVERS OGR_ENABLE_DRIVER_{CSV,FLATGEOBUF,GML,GPKG,GPX,JML,LIBKML,OPENFILEGDB,SQLITE}
# Data as the distribution has them, with PROJ's grids; terms of the distribution's libraries that come along.
rm -rf "$prefix/share" && mkdir "$prefix/share"
cp -r "$(gdal-config --datadir)" "$(pkg-config --variable=datadir proj)" "$prefix/share"
LD_LIBRARY_PATH="$prefix/lib" ldd "$prefix/lib/libgdal.so" | awk -v own="$prefix/" '$3 ~ /^\// && index($3, own) != 1 { print $3 }' | xargs -n1 realpath |
  xargs -n1 basename | sed 's|^|*/|' | xargs dpkg -S | cut -d: -f1 | sort -u | while read -r package; do
  cp -L "/usr/share/doc/$package/copyright" "$prefix/licenses/$package"; done
rm -rf "$root"/{source,build,apt}
touch "$root/done"
echo "$prefix" >&3
