"""SegFormer of Hugging Face's transformers 5: tensors by name, logits at the picture's size; with transformers 4, the
hashes of names and shapes of every size.

    pip install transformers==5.24.0
    python benches/peers/parity_segformer.py
    pip install transformers==4.57.1
    python benches/peers/parity_segformer.py
"""

import torch
import transformers
from transformers import SegformerConfig, SegformerForSemanticSegmentation

import formula
from fixture import NETWORKS, keys_and_shapes, versions, write
from parity_networks import fill, hash_row, scores

SIDE = 96
# Widths and blocks of the four stages, width of the decoder.
SIZES = {
    "b0": ([32, 64, 160, 256], [2, 2, 2, 2], 256),
    "b1": ([64, 128, 320, 512], [2, 2, 2, 2], 256),
    "b2": ([64, 128, 320, 512], [3, 4, 6, 3], 768),
    "b3": ([64, 128, 320, 512], [3, 4, 18, 3], 768),
    "b4": ([64, 128, 320, 512], [3, 8, 27, 3], 768),
    "b5": ([64, 128, 320, 512], [3, 6, 40, 3], 768),
}


def segformer(size, bands, classes):
    widths, depths, decoder = SIZES[size]
    config = SegformerConfig(
        hidden_sizes=widths, depths=depths, decoder_hidden_size=decoder, num_channels=bands, num_labels=classes
    )
    return SegformerForSemanticSegmentation(config)


class Enlarged(torch.nn.Module):
    """The scores at the picture's size, as the library's users make them."""

    def __init__(self, size, bands, classes):
        super().__init__()
        self.model = segformer(size, bands, classes)

    def forward(self, x):
        scores = self.model(x).logits
        return torch.nn.functional.interpolate(scores, x.shape[2:], mode="bilinear", align_corners=False)


@torch.no_grad()
def network(size, bands, classes):
    network = Enlarged(size, bands, classes)
    fill(network.model)
    network.eval()
    x = torch.from_numpy(formula.pixels(bands, SIDE, SIDE))[None]
    content = {
        "library": "transformers.SegformerForSemanticSegmentation",
        "versions": {**versions(), "transformers": transformers.__version__},
        "encoder": size,
        "in_channels": bands,
        "classes": classes,
        "height": SIDE,
        "width": SIDE,
        **scores(network, x),
        "tensors": keys_and_shapes(network.model.state_dict()),
    }
    write(NETWORKS / f"segformer-{size}.json", content)


def hashes():
    """As in parity_networks.py; the names of version 4, which published files have."""
    rows = []
    for size in SIZES:
        with torch.device("meta"):
            model = segformer(size, 3, 2)
        rows.append(hash_row(size, model, lambda _: False))
    content = {"versions": {**versions(), "transformers": transformers.__version__}, "in_channels": 3, "classes": 2}
    write(NETWORKS / "segformer-hashes.json", {**content, "networks": rows})


if __name__ == "__main__":
    torch.set_num_threads(2)
    if transformers.__version__.startswith("4."):
        hashes()
    else:
        network("b0", 3, 2)
