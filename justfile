# Everything CI does, by name. `scripts/test.sh` installs the tools and runs `just ci`.
set shell := ["bash", "-euo", "pipefail", "-c"]

export PATH := justfile_directory() / ".venv/bin" + ":" + env("PATH")
target := env("CARGO_TARGET_DIR", "target")
prose := "README.md ARCHITECTURE.md CONTRIBUTING.md SECURITY.md docs/*.md docs/guides/*.md"

# The recipes.
default:
    @just --list --unsorted

# Everything, cheapest first; the tests last, so that their summary closes the log.
ci: fmt words lint docs deny arm (viewer "--check") build schema smoke validate (viewer "--test") test

# Formatting, as checked in CI (`cargo fmt` mends it).
fmt:
    cargo fmt --all --check

# Clippy over everything, and hadolint over the container file; a warning is an error.
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings
    hadolint Containerfile

# Spelling and words of the documentation: codespell with docs/words.txt, whose lines of several words grep looks for.
words:
    codespell --builtin clear,rare,en-GB_to_en-US --dictionary=- --dictionary=docs/words.txt --ignore-multiline-regex '```.*?```' \
      --ignore-regex '`[^`]*`' --ignore-words-list dota --skip docs/style.md {{prose}}
    sed -n 's/->.*//; / /p' docs/words.txt | grep --exclude=style.md --line-number --word-regexp --ignore-case --fixed-strings --file=- {{prose}} \
      && exit 1 || [[ $? == 1 ]]
    @echo "words: the documentation has none of docs/words.txt"

# The API documentation; a broken link is an error.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked --quiet

# Licenses, sources, who may use which crate; advisories where their database can be reached.
deny:
    cargo deny --locked --log-level error check --hide-inclusion-graph bans licenses sources
    if timeout 60 cargo deny --log-level off fetch db >/dev/null 2>&1; then cargo deny --locked check advisories; \
      else echo "deny: advisories skipped, their database cannot be reached"; fi
    if found="$(timeout 60 cargo audit --quiet 2>&1)"; then echo "audit: no advisory concerns Cargo.lock"; \
      elif [[ $? == 124 || "$found" == *"fetch advisory database"* ]]; then echo "audit: skipped, the database of advisories cannot be reached"; \
      else echo "$found"; exit 1; fi

# A bill of materials of each program (CycloneDX 1.5) in target/sbom; GDAL and what it links are the system's, and not in it.
sbom:
    command -v cargo-cyclonedx >/dev/null || cargo install --quiet --locked --root .venv cargo-cyclonedx@0.5.9
    SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" cargo cyclonedx --quiet --manifest-path inference/Cargo.toml --describe binaries \
      --format json --spec-version 1.5 --no-build-deps
    mkdir -p {{target}}/sbom
    for program in inference/arpent training/arpent-train; do \
      cargo tree -p "${program#*/}" -e normal --prefix none --locked \
        | python3 scripts/sbom.py "${program}_bin.cdx.json" "{{target}}/sbom/${program#*/}.cdx.json"; done
    rm -f ./*/*_bin.cdx.json

# Packages that install without Rust (docs/guides/install.md): `just package deb`, `just package wheel`; not part of `ci`.
package kind:
    scripts/package.sh {{kind}}

# Binaries and test binaries in one go, so that both share one set of dependency features.
build:
    cargo build --workspace --bins --tests --locked

# The program of the published page, built into crates/arpent-viewer/dist; `--check` compares it, `--test` runs it in headless Chromium.
viewer *args:
    scripts/viewer.sh {{args}}

# The JSON schemas of run.toml, model.json, zonal.toml, change.toml and train.toml against those checked in, and every configuration against its
# schema (mend: `just schema-write`).
schema: build
    {{target}}/debug/arpent schema | diff -u configs/schema.json -
    {{target}}/debug/arpent schema model | diff -u configs/model.schema.json -
    {{target}}/debug/arpent schema zonal | diff -u configs/zonal.schema.json -
    {{target}}/debug/arpent schema change | diff -u configs/change.schema.json -
    {{target}}/debug/arpent-train schema | diff -u configs/train.schema.json -
    {{target}}/debug/arpent-train schema gate | diff -u configs/gate.schema.json -
    @echo "schema: configs/schema.json and configs/{model,zonal,change,train,gate}.schema.json are current"
    .venv/bin/python scripts/validate_configs.py

# Writes the JSON schemas, and all pages that are generated: docs/reference, docs/SUMMARY.md, tables of contents of folders.
schema-write: build
    {{target}}/debug/arpent schema > configs/schema.json
    {{target}}/debug/arpent schema model > configs/model.schema.json
    {{target}}/debug/arpent schema zonal > configs/zonal.schema.json
    {{target}}/debug/arpent schema change > configs/change.schema.json
    {{target}}/debug/arpent-train schema > configs/train.schema.json
    {{target}}/debug/arpent-train schema gate > configs/gate.schema.json
    ARPENT_WRITE_PAGES=1 cargo nextest run --workspace --locked -E 'binary(docs) and test(generated_pages_are_current)'

# The documentation as a site in target/site, for any web server or a browser (needs `scripts/setup.sh --test`); `just test` checks it.
site:
    scripts/site.sh {{target}}/site

# Every configs/*/run.toml on the small demo scene.
smoke: build
    scripts/smoke.sh

# The smoke runs' outputs and their catalog, read by other people's software, and the plugin of QGIS, which runs the program.
validate: smoke
    .venv/bin/python scripts/validate_outputs.py {{target}}/smoke
    scripts/qgis_plugin.sh --test

# Training and prediction on whatever Vulkan driver there is, a software driver too (mesa-vulkan-drivers); not part of `ci`.
vulkan:
    cargo nextest run -p arpent-train -p arpent-model --lib --features arpent-train/wgpu,arpent-model/wgpu \
      --locked -E 'test(steps) + test(gpu)'

# The engine's tests under the address sanitizer (a flag that stable compilers know, and want to be asked twice for).
sanitize:
    RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zsanitizer=address cargo test -p arpent-engine --locked \
      --target "$(rustc -vV | sed -n 's/^host: //p')" --target-dir {{target}}/sanitize

# Every parser of ours fed with what nobody would write, so many seconds each (needs `scripts/setup.sh --test`); not part of `ci`.
fuzz *args:
    scripts/fuzz.sh {{args}}

# Tests of the engine, which alone has instructions of its own for ARM, in an emulator of aarch64; `just arm "all()"` runs all of them.
arm which="kind(lib) + binary(networks) & test(every_instruction_set)":
    if [[ "$(uname -m)" == x86_64 ]] && rustup target list --installed 2>/dev/null | grep -qx aarch64-unknown-linux-gnu; then \
      CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc \
      CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER="qemu-aarch64 -L /usr/aarch64-linux-gnu" \
        cargo nextest run --target aarch64-unknown-linux-gnu -p arpent-engine --locked --status-level fail -E '{{which}}'; \
      else echo "arm: skipped, this machine is not x86-64 or has no target aarch64-unknown-linux-gnu (scripts/setup.sh --test)"; fi

# All tests, then the examples in the API documentation.
test:
    cargo test --doc --workspace --locked --quiet
    rm -rf {{target}}/skipped; mkdir -p {{target}}/skipped
    ARPENT_TESTS_SKIPPED="$(realpath {{target}}/skipped)" cargo nextest run --workspace --locked
    @ls {{target}}/skipped | cut -d. -f1 | sort | uniq -c | awk '{ print "skipped for lack of " $2 ": " $1 }'

# The benchmarks; a quoted number comes from a run file in benches/runs/.
bench *args:
    cargo build --release --locked -p arpent
    cargo run --release --locked -p arpent-benches -- {{args}}

# Installs what is missing, fetches, builds, runs, draws.
demo:
    scripts/demo.sh
