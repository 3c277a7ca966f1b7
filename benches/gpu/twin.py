"""The networks of arpent-gpu-bench in PyTorch, on the same GPU: what the card can do with a mature engine.

    arpent-gpu-bench --describe > networks.json
    python3 twin.py networks.json --seconds 120 > twin.jsonl

Needs PyTorch and nothing else. Networks have the shapes of the description and random weights. Each result is a JSON line like those
of the binary (benches/gpu/src/lines.rs). Forms: f32 and tf32 (TF32 off and on), f16 and bf16 (the whole network), f16-conv and
bf16-conv (autocast). All in channels_last, with cuDNN's benchmark mode.
"""

import argparse
import contextlib
import ctypes
import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

# Chip and batch, those first that matter most.
SIZES = [(512, 8), (1024, 8), (256, 8), (256, 32), (512, 32), (1024, 32), (256, 1), (512, 1), (1024, 1)]
SAMPLES = 5
MOST_SAMPLES = 50


class Conv(nn.Module):
    """A convolution with a bias and what follows it."""

    def __init__(self, inputs, outputs, kernel=3, stride=1, groups=1, act=F.relu):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
        self.act = act

    def forward(self, x):
        x = self.conv(x)
        return self.act(x) if self.act else x


class Levels(nn.Module):
    """The way down of a U-Net; gives every level, finest first."""

    def __init__(self, bands, widths, convs):
        super().__init__()
        self.levels = nn.ModuleList()
        for width, count in zip(widths, convs):
            self.levels.append(nn.Sequential(*(Conv(bands if i == 0 else width, width) for i in range(count))))
            bands = width

    def forward(self, x):
        seen = []
        for level in self.levels:
            x = level(F.max_pool2d(x, 2) if seen else x)
            seen.append(x)
        return seen


class Bottleneck(nn.Module):
    """A residual block of ResNet-50."""

    def __init__(self, inputs, width, stride):
        super().__init__()
        self.way = nn.Sequential(
            Conv(inputs, width, 1), Conv(width, width, 3, stride), Conv(width, 4 * width, 1, act=None)
        )
        changes = stride == 2 or inputs != 4 * width
        self.side = Conv(inputs, 4 * width, 1, stride, act=None) if changes else nn.Identity()

    def forward(self, x):
        return F.relu(self.way(x) + self.side(x))


class Resnet50(nn.Module):
    """Gives pictures at 1/2 to 1/32 of the size."""

    widths = [64, 256, 512, 1024, 2048]

    def __init__(self, bands):
        super().__init__()
        self.stem, channels = Conv(bands, 64, 7, 2), 64
        self.stages = nn.ModuleList()
        for stage, (count, width) in enumerate(zip([3, 4, 6, 3], [64, 128, 256, 512])):
            blocks = []
            for block in range(count):
                blocks.append(Bottleneck(channels, width, 2 if block == 0 and stage > 0 else 1))
                channels = 4 * width
            self.stages.append(nn.Sequential(*blocks))

    def forward(self, x):
        seen = [self.stem(x)]
        x = F.max_pool2d(seen[0], 3, 2, 1)
        for stage in self.stages:
            x = stage(x)
            seen.append(x)
        return seen


class Inverted(nn.Module):
    """An inverted residual of MobileNetV2."""

    def __init__(self, inputs, outputs, widen, stride):
        super().__init__()
        wide = inputs * widen
        first = [Conv(inputs, wide, 1, act=F.relu6)] if widen > 1 else []
        self.way = nn.Sequential(
            *first, Conv(wide, wide, 3, stride, wide, F.relu6), Conv(wide, outputs, 1, act=None)
        )
        self.stride, self.added = stride, stride == 1 and inputs == outputs

    def forward(self, x):
        return x + self.way(x) if self.added else self.way(x)


class MobilenetV2(nn.Module):
    """Gives pictures at 1/2 to 1/32 of the size."""

    widths = [16, 24, 32, 96, 1280]

    def __init__(self, bands):
        super().__init__()
        table = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
        self.stem, channels = Conv(bands, 32, 3, 2, act=F.relu6), 32
        self.blocks = nn.ModuleList()
        for widen, outputs, count, stride in table:
            for i in range(count):
                self.blocks.append(Inverted(channels, outputs, widen, stride if i == 0 else 1))
                channels = outputs
        self.last = Conv(channels, 1280, 1, act=F.relu6)

    def forward(self, x):
        x, seen = self.stem(x), []
        for block in self.blocks:
            if block.stride == 2:
                seen.append(x)
            x = block(x)
        return seen + [self.last(x)]


class Network(nn.Module):
    """A network of `model.json`'s architectures `unet` and `encoder-unet`, one date."""

    def __init__(self, architecture):
        super().__init__()
        bands, classes = architecture["in_channels"], architecture["out_channels"]
        self.decoder = nn.ModuleList()
        if architecture["kind"] == "unet":
            widths = architecture["widths"]
            self.encoder, channels = Levels(bands, widths, architecture["encoder_convs"]), widths[-1]
            for level in reversed(range(len(widths) - 1)):
                self.decoder.append(Conv(channels + widths[level], widths[max(level - 1, 0)]))
                channels = widths[max(level - 1, 0)]
            self.head = nn.Conv2d(channels, classes, 1)
        else:
            self.encoder = {"resnet50": Resnet50, "mobilenet-v2": MobilenetV2}[architecture["encoder"]](bands)
            skips = self.encoder.widths[::-1]
            channels = skips[0]
            for skip, width in zip(skips[1:] + [0], architecture["decoder"]):
                self.decoder.append(nn.Sequential(Conv(channels + skip, width), Conv(width, width)))
                channels = width
            self.head = nn.Conv2d(channels, classes, 3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=math.sqrt(2 / layer.weight[0].numel()))
                nn.init.zeros_(layer.bias)

    def forward(self, x):
        seen = self.encoder(x)
        x = seen.pop()
        for block in self.decoder:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([x, seen.pop()], 1) if seen else x)
        return self.head(x)


def build(described, device):
    """The network of a description, with tensors of the described shapes."""
    torch.manual_seed(1)
    with torch.device(device):
        network = Network(described["architecture"]).eval().requires_grad_(False)
    shapes = [list(tensor.shape) for tensor in network.state_dict().values()]
    wanted = [shape for _, shape in described["tensors"]]
    if sorted(map(str, shapes)) != sorted(map(str, wanted)):
        raise SystemExit(f"twin.py: {described['name']}: tensors differ from the description: {len(shapes)} and {len(wanted)}")
    return network.to(memory_format=torch.channels_last)


class Counter:
    """Joules of the first GPU since its driver was loaded (NVML), or None."""

    def __init__(self):
        self.nvml = None
        try:
            nvml = ctypes.CDLL("libnvidia-ml.so.1")
            self.handle = ctypes.c_void_p()
            if nvml.nvmlInit_v2() == 0 and nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(self.handle)) == 0:
                self.nvml = nvml
        except OSError:
            pass

    def joules(self):
        value = ctypes.c_ulonglong()
        if self.nvml is None or self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle, ctypes.byref(value)) != 0:
            return None
        return value.value / 1e3


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def measure(once, device, seconds, pixels, counter):
    """As `timing.rs` measures what has been warmed up."""
    began = time.perf_counter()
    once()
    wait(device)
    alone = time.perf_counter() - began
    batches = min(max(math.ceil(0.05 / max(alone, 1e-6)), 1), 256)
    samples, began, before = [], time.perf_counter(), counter.joules()
    while len(samples) < MOST_SAMPLES:
        limit = seconds if len(samples) >= SAMPLES else 4 * seconds
        if samples and time.perf_counter() - began + alone * batches > limit:
            break
        start = time.perf_counter()
        for _ in range(batches):
            once()
        wait(device)
        samples.append((time.perf_counter() - start) / batches)
    after = counter.joules()
    samples.sort()
    count = len(samples)
    median = (samples[(count - 1) // 2] + samples[count // 2]) / 2
    used = after - before if before is not None and after is not None else 0
    return {
        "mpx_s": pixels / 1e6 / median,
        "median_s": median,
        "least_s": samples[0],
        "most_s": samples[-1],
        "samples": count,
        "batches": batches,
        "busy": None,
        "joules_per_mpx": used / (pixels / 1e6 * count * batches) if used > 0 else None,
    }


FORMS = {
    "f32": (torch.float32, None),
    "tf32": (torch.float32, None),
    "f16": (torch.float16, None),
    "bf16": (torch.bfloat16, None),
    "f16-conv": (torch.float32, torch.float16),
    "bf16-conv": (torch.float32, torch.bfloat16),
}


@torch.inference_mode()
def figures(network, form, device, size, seconds, counter):
    chip, batch = size
    dtype, auto = FORMS[form]
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = form == "tf32"
    network = network.to(device=device, dtype=dtype)
    casting = torch.autocast(device, auto) if auto else contextlib.nullcontext()
    values = torch.randn(batch, 3, chip, chip)
    resident = values.to(device=device, dtype=dtype).contiguous(memory_format=torch.channels_last)

    def classes(x):
        with casting:
            return network(x).argmax(1)

    def end_to_end():
        x = values.to(device).to(dtype=dtype, memory_format=torch.channels_last)
        classes(x).to(torch.uint8).cpu()

    began = time.perf_counter()
    classes(resident)
    wait(device)
    first = time.perf_counter() - began
    pixels = batch * chip * chip
    return {
        "status": "measured",
        "first_s": first,
        "resident": measure(lambda: classes(resident), device, seconds / 2, pixels, counter),
        "end_to_end": measure(end_to_end, device, seconds / 2, pixels, counter),
        "tflop_s": None,
        "agreement": None,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", help="what `arpent-gpu-bench --describe` prints")
    parser.add_argument("--seconds", type=float, default=120, help="what all of it may take")
    parser.add_argument("--network", action="append", help="only this one; again for others")
    options = parser.parse_args()
    until = time.monotonic() + options.seconds
    device = "cuda" if torch.cuda.is_available() else "cpu"
    title, name = f"torch-{device}", torch.cuda.get_device_name() if device == "cuda" else "CPU"

    def say(line):
        print(json.dumps(line), flush=True)

    detail = f"PyTorch {torch.__version__}, CUDA {torch.version.cuda}"
    say({"line": "device", "device": title, "name": name, "detail": detail, "seconds": 0.0})
    with open(options.networks, encoding="utf-8") as file:
        described = [d for d in json.load(file) if not options.network or d["name"] in options.network]
    missing = set(options.network or []) - {d["name"] for d in described}
    if missing or not described:
        raise SystemExit(f"twin.py: no network {', '.join(sorted(missing))} in {options.networks}")
    # Every network at the sizes that matter most, before the next size.
    cases = [(d, form, size) for size in SIZES for d in described for form in FORMS]
    torch.backends.cudnn.benchmark = True
    counter, failed, gone, built = Counter(), set(), set(), {}
    for index, (of, form, size) in enumerate(cases):
        if (of["name"], form) in gone:
            continue
        left = until - time.monotonic()
        head = {"line": "case", "device": title, "network": of["name"], "work": "network", "form": form}
        head |= {"chip_px": size[0], "batch": size[1]}
        pixels = size[0] ** 2 * size[1]
        if any(key == (of["name"], form) and pixels >= least for key, least in failed):
            say(head | {"status": "not-measured", "reason": "a smaller one failed"})
            continue
        if left < 0.5:
            say(head | {"status": "not-measured", "reason": "time limit"})
            continue
        if device == "cpu" and form == "tf32":
            say(head | {"status": "not-available", "reason": "TF32 is a form of GPUs"})
            gone.add((of["name"], form))
            continue
        seconds = min(max(left / min(len(cases) - index, 60) / 2, 0.25), 1.0)
        try:
            key = (of["name"], form)
            if key not in built:
                built[key] = build(of, device)
            say(head | figures(built[key], form, device, size, seconds, counter))
        except RuntimeError as error:
            say(head | {"status": "failed", "reason": str(error).splitlines()[0]})
            failed.add(((of["name"], form), pixels))
        if device == "cuda":
            torch.cuda.empty_cache()
    return 0


if __name__ == "__main__":
    sys.exit(main())
