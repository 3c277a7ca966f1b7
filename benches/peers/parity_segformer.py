"""SegFormer of Hugging Face's transformers 5: tensors by name, logits at the picture's size.

    pip install transformers==5.24.0
    python benches/peers/parity_segformer.py
"""

import torch
import transformers
from transformers import SegformerConfig, SegformerForSemanticSegmentation

import formula
from fixture import NETWORKS, keys_and_shapes, number, versions, write
from parity_networks import fill, samples

SIDE = 96
WIDTHS = {"b0": [32, 64, 160, 256]}


class Enlarged(torch.nn.Module):
    """The scores at the picture's size, as the library's users make them."""

    def __init__(self, size, bands, classes):
        super().__init__()
        config = SegformerConfig(hidden_sizes=WIDTHS[size], num_channels=bands, num_labels=classes)
        self.model = SegformerForSemanticSegmentation(config)

    def forward(self, x):
        scores = self.model(x).logits
        return torch.nn.functional.interpolate(scores, x.shape[2:], mode="bilinear", align_corners=False)


@torch.no_grad()
def network(size, bands, classes):
    network = Enlarged(size, bands, classes)
    fill(network.model)
    network.eval()
    x = torch.from_numpy(formula.pixels(bands, SIDE, SIDE))[None]
    single = network(x)[0]
    logits = network.double()(x.double())[0]
    assert torch.isfinite(logits).all() and 1e-3 < logits.std() < 1e6, "the weights need another scale"
    content = {
        "library": "transformers.SegformerForSemanticSegmentation",
        "versions": {**versions(), "transformers": transformers.__version__},
        "encoder": size,
        "in_channels": bands,
        "classes": classes,
        "height": SIDE,
        "width": SIDE,
        "mean": number(logits.mean()),
        "std": number(logits.std(correction=0)),
        "float32_error": number((single.double() - logits).abs().max()),
        "logits": samples(logits),
        "tensors": keys_and_shapes(network.model.state_dict()),
    }
    write(NETWORKS / f"segformer-{size}.json", content)


if __name__ == "__main__":
    torch.set_num_threads(2)
    network("b0", 3, 2)
