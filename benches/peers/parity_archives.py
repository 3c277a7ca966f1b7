"""PT2 archives of made-up networks, with random weights by the formula and every seventh of the scores of PyTorch."""

import torch
from torch import nn

import formula
from fixture import NETWORKS, numbers, write

SIDE = 32


def block(inputs, outputs, **options):
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=options.get("dilation", 1), bias=False, **options), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class UNet(nn.Module):
    """A U-Net of two levels: maximum, mean, nearest neighbor and bilinear, a sum, a sigmoid at the end."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = block(3, 6), block(6, 8), block(8, 8)
        self.up, self.last = block(16, 6), block(12, 6)
        self.skip = nn.Conv2d(6, 6, 1)
        self.head = nn.Conv2d(6, 1, 1)
        self.drop = nn.Dropout2d(0.2)

    def forward(self, picture):
        fine = self.first(picture)
        middle = self.second(nn.functional.max_pool2d(fine, 2))
        coarse = self.drop(self.third(nn.functional.avg_pool2d(middle, 2)))
        up = nn.functional.interpolate(coarse, scale_factor=2, mode="nearest")
        up = self.up(torch.cat([up, middle], 1))
        up = nn.functional.interpolate(up, size=fine.shape[-2:], mode="bilinear", align_corners=False)
        last = self.last(torch.cat([up, fine], 1))
        last += self.skip(fine)
        return torch.sigmoid(self.head(last.relu_()))


class Gated(nn.Module):
    """Depthwise convolutions with squeeze-and-excitation, by linear layers; smooth activations; normalization before a convolution."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(4, 8, 3, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 5, padding=2, groups=8)
        self.reduce, self.expand = nn.Linear(8, 4), nn.Linear(4, 8)
        self.before = nn.BatchNorm2d(8)
        self.project = nn.Conv2d(8, 8, 1)
        self.head = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, picture):
        # TensorFlow's padding: the odd zero at the end.
        stem = nn.functional.silu(self.norm(self.stem(nn.functional.pad(picture, (0, 1, 0, 1)))))
        wide = nn.functional.gelu(self.depthwise(stem))
        mean = wide.mean((2, 3))
        factors = torch.sigmoid(self.expand(nn.functional.relu6(self.reduce(mean))))
        wide = wide * factors.unsqueeze(-1).unsqueeze(-1)
        deep = self.project(torch.relu(self.before(wide))) + stem
        deep = nn.functional.interpolate(deep, scale_factor=2, mode="bilinear", align_corners=True)
        return torch.softmax(self.head(deep), 1)


class Dilated(nn.Module):
    """A pyramid of dilations with the mean of the picture, joined at once; an activation of a joined map."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.Hardtanh(0, 6), nn.MaxPool2d(3, 2, 1))
        self.rates = nn.ModuleList(block(8, 6, dilation=rate) for rate in (1, 2, 3))
        self.pooled = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 6, 1), nn.ReLU())
        self.join = nn.Conv2d(24, 8, 1)
        self.head = nn.Conv2d(8, 4, 1)

    def forward(self, picture):
        stem = self.stem(picture)
        pooled = nn.functional.interpolate(self.pooled(stem), size=stem.shape[-2:], mode="bilinear", align_corners=False)
        joined = torch.cat([rate(stem) for rate in self.rates] + [pooled], 1)
        scores = self.head(nn.functional.silu(self.join(joined) + nn.functional.relu(stem)))
        return nn.functional.interpolate(scores, scale_factor=4.0, mode="nearest")


class Doubled(nn.Module):
    """A local network that is enlarged by transposed convolutions of 2, 3 and 4 taps, with a normalization and an activation behind."""

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(nn.Conv2d(inputs, outputs, 3, stride=2, padding=1) for inputs, outputs in ((3, 6), (6, 8), (8, 10)))
        self.two = nn.ConvTranspose2d(10, 8, 2, stride=2)
        self.three = nn.ConvTranspose2d(16, 6, 3, stride=2, padding=1, output_padding=1, bias=False)
        self.norm = nn.BatchNorm2d(6)
        self.four = nn.ConvTranspose2d(12, 4, 4, stride=2, padding=1)

    def forward(self, picture):
        first = nn.functional.relu(self.down[0](picture))
        second = nn.functional.relu(self.down[1](first))
        third = nn.functional.relu(self.down[2](second))
        up = torch.cat([nn.functional.silu(self.two(third)), second], 1)
        return self.four(torch.cat([nn.functional.relu(self.norm(self.three(up))), first], 1))


class LayerNorm2d(nn.LayerNorm):
    """As timm has it: over the channels of each pixel."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Normalized(nn.Module):
    """A block of ConvNeXt, with its factor for each channel, as torchvision and as timm write it; normalized groups; means of parts."""

    def __init__(self):
        super().__init__()
        self.stem, self.first = nn.Conv2d(3, 8, 2, stride=2), LayerNorm2d(8, eps=1e-6)
        self.depthwise = nn.Conv2d(8, 8, 7, padding=3, groups=8)
        self.layer, self.wide, self.narrow = nn.LayerNorm(8, eps=1e-6), nn.Linear(8, 16), nn.Linear(16, 8)
        self.scale, self.gain = nn.Parameter(torch.ones(8, 1, 1)), nn.Parameter(torch.ones(8, 1))
        self.groups = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.GroupNorm(4, 8), nn.ReLU())
        self.alone = nn.GroupNorm(2, 8, eps=1e-3)
        self.parts = nn.ModuleList(nn.Sequential(nn.AdaptiveAvgPool2d(side), nn.Conv2d(8, 4, 1), nn.ReLU()) for side in (1, 2, 3, 6))
        self.head = nn.Conv2d(24, 3, 1)

    def forward(self, picture):
        stem = self.first(self.stem(picture))
        pixels = self.layer(self.depthwise(stem).permute(0, 2, 3, 1))
        deep = self.narrow(nn.functional.gelu(self.wide(pixels))).permute(0, 3, 1, 2)
        stem = stem + self.scale * deep
        stem = stem + self.groups(stem).mul(self.gain.reshape(1, -1, 1, 1))
        stem = self.alone(stem)
        parts = [nn.functional.interpolate(part(stem), size=stem.shape[-2:], mode="bilinear", align_corners=False) for part in self.parts]
        return nn.functional.interpolate(self.head(torch.cat([stem, *parts], 1)), scale_factor=2.0, mode="bilinear", align_corners=False)


class Unknown(nn.Module):
    """Operators that are not run."""

    def __init__(self):
        super().__init__()
        self.conv, self.up = nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.PixelShuffle(2)

    def forward(self, picture):
        return self.up(nn.functional.leaky_relu(self.conv(picture)))


def exported(name, network, bands, **options):
    network.eval()
    state = network.state_dict()
    for key, tensor in state.items():
        if tensor.is_floating_point():
            tensor.copy_(torch.tensor(formula.tensor(key, tuple(tensor.shape))).reshape(tensor.shape))
    picture = torch.tensor(formula.uniform("input", bands * SIDE * SIDE) * 2 - 1, dtype=torch.float32).reshape(1, bands, SIDE, SIDE)
    program = torch.export.export(network, (picture,), **options)
    for node in program.graph.nodes:
        for key in ("stack_trace", "nn_module_stack", "source_fn_stack"):
            node.meta.pop(key, None)
    torch.export.save(program, NETWORKS / f"{name}.pt2")
    with torch.no_grad():
        scores = network(picture)
    print(f"{name}.pt2 {(NETWORKS / f'{name}.pt2').stat().st_size / 1000:.1f} kB")
    return {"file": f"{name}.pt2", "bands": bands, "side": SIDE, "shape": list(scores.shape), "output": numbers(scores.numpy().flatten()[::7])}


def main():
    rows = [exported("archive-unet", UNet(), 3), exported("archive-gated", Gated(), 4), exported("archive-dilated", Dilated(), 3), exported("archive-doubled", Doubled(), 3), exported("archive-normalized", Normalized(), 3)]
    exported("archive-unknown", Unknown(), 3)
    exported("archive-dynamic", nn.Sequential(nn.Conv2d(3, 2, 1)), 3, dynamic_shapes=({2: torch.export.Dim("height"), 3: torch.export.Dim("width")},))
    write(NETWORKS / "archives.json", {"versions": {"torch": torch.__version__}, "archives": rows})


if __name__ == "__main__":
    main()
