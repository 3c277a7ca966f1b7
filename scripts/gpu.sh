#!/usr/bin/env bash
# The GPU benchmark (benches/gpu) on a machine that has an NVIDIA driver, PyTorch and nothing else of ours.
#   gpu.sh build                 makes target/gpu: the program, what it needs of Vulkan, twin.py, this script
#   gpu.sh run [OUT] [SECONDS]   in that folder on the machine with the GPU: results and the run file to OUT (gpu-results), in 460 s at most
# GPU_FEATURES=wgpu,tuned gpu.sh build builds with other features (benches/gpu/README.md lists them).
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
name=arpent-gpu-bench

build() {
  cd "$here/.."
  ARPENT_COMMIT="$(git rev-parse --short HEAD)" cargo build --release --locked --no-default-features --features "${GPU_FEATURES:-wgpu}" \
    --manifest-path benches/gpu/Cargo.toml --target-dir target/gpu-build
  rm -rf target/gpu && mkdir -p target/gpu/lib target/gpu/lib-x
  cp "target/gpu-build/release/$name" benches/gpu/twin.py scripts/gpu.sh target/gpu
  # Vulkan's loader; and what NVIDIA's driver wants of a machine that has no graphics.
  for lib in lib/libvulkan.so.1 lib-x/lib{X11.so.6,Xext.so.6,xcb.so.1,Xau.so.6,Xdmcp.so.6,GLdispatch.so.0,bsd.so.0,md.so.0}; do
    path="$(ldconfig -p | awk -v lib="${lib#*/}" '$1 == lib && /x86-64/ { print $NF; exit }')"
    if [[ -n "$path" ]]; then cp -L "$path" "target/gpu/$lib"; fi
  done
  if [[ ! -e target/gpu/lib/libvulkan.so.1 ]]; then
    echo "gpu.sh: libvulkan.so.1 is not on this machine; hint: apt-get install libvulkan1" >&2
    exit 1
  fi
  for driver in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
    echo "{\"file_format_version\": \"1.0.1\", \"ICD\": {\"library_path\": \"$driver\", \"api_version\": \"1.3.0\"}}" >"target/gpu/$driver.json"
  done
  du -sh --apparent-size target/gpu target/gpu/*
}

run() {
  out="${1:-gpu-results}" seconds="${2:-460}"
  mkdir -p "$out"
  export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$here/lib"
  loads() { python3 -c "import ctypes; ctypes.CDLL('$1')" 2>>"$out/drivers.log"; }
  loads libGLX_nvidia.so.0 || loads libEGL_nvidia.so.0 || LD_LIBRARY_PATH+=":$here/lib-x"
  # Where NVIDIA's driver is not in the list of Vulkan drivers: its library that can be loaded.
  if [[ -z "${VK_DRIVER_FILES:-}" ]] && ! compgen -G '/usr/share/vulkan/icd.d/*nvidia*' && ! compgen -G '/etc/vulkan/icd.d/*nvidia*'; then
    for driver in libEGL_nvidia.so.0 libGLX_nvidia.so.0; do
      if loads "$driver"; then export VK_DRIVER_FILES="$here/$driver.json" VK_ICD_FILENAMES="$here/$driver.json"; fi
    done
  fi
  { nvidia-smi 2>&1 || true; } | head -n 30 >"$out/nvidia-smi.txt"
  "$here/$name" --describe >"$out/networks.json"
  # Two thirds for ours, a third for PyTorch; a step that fails leaves the other's results.
  "$here/$name" --seconds $((seconds * 2 / 3)) --out "$out" >"$out/stdout.txt" || echo "gpu.sh: $name failed, see $out/workers.log" >&2
  timeout $((seconds / 3)) python3 "$here/twin.py" "$out/networks.json" --seconds $((seconds / 3 - 10)) >"$out/twin.jsonl" 2>"$out/twin.log" ||
    echo "gpu.sh: twin.py failed or was cut off, see $out/twin.log" >&2
  gpu="$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1 || true)"
  "$here/$name" report --title "$(date +%F): networks on ${gpu:-a machine without an NVIDIA GPU}" "$out"/{gpu,twin}.jsonl |
    tee "$out/$(date +%F)-gpu.md"
}

case "${1:-}" in
build) build ;;
run) run "${@:2}" ;;
*) echo "usage: gpu.sh build | run [OUT] [SECONDS]" >&2 && exit 2 ;;
esac
