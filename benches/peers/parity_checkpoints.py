"""Small files of torch.save for the reader: files to read, and files to reject without executing them."""

from collections import OrderedDict

import numpy as np
import torch

import formula
from fixture import NETWORKS, number, versions, write

# The file that the harmful files would create in the working directory if they were executed.
MARK = "pickle-was-run"


class Harmful:
    """Unpickling this calls os.system."""

    def __reduce__(self):
        import os

        return os.system, (f"touch {MARK}",)


def state(prefix=""):
    """Three tensors by the formula, one of them int64 without dimensions."""
    shapes = {"conv.weight": (4, 3, 3, 3), "bn.running_var": (4,), "bn.num_batches_tracked": ()}
    tensors = OrderedDict(
        (key, torch.from_numpy(np.asarray(formula.tensor(key, s)))) for key, s in shapes.items()
    )
    tensors["bn.num_batches_tracked"].fill_(1234)
    return OrderedDict((prefix + key, value) for key, value in tensors.items())


def lightning():
    """A checkpoint as Lightning writes it, with entries other than the weights."""
    moments = {"step": torch.tensor(7.0), "exp_avg": torch.zeros(4), "exp_avg_sq": torch.ones(4)}
    group = {
        "lr": 1e-3,
        "betas": (0.9, 0.999),
        "eps": 1e-8,
        "weight_decay": 0.01,
        "amsgrad": False,
        "params": [0],
    }
    return {
        "epoch": 3,
        "global_step": 400,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": state("model."),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4, "completed": 3}}}},
        "callbacks": {"ModelCheckpoint{'monitor': 'val_miou'}": {"best_model_score": torch.tensor(0.5)}},
        "optimizer_states": [{"state": {0: moments}, "param_groups": [group]}],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": {
            "architecture": "unet",
            "encoder": "resnet34",
            "lr": 1e-3,
            "ignore": None,
            "bands": [1, 2],
        },
    }


def kinds():
    """Numbers of every kind, and views: a transpose, a piece from within a storage, two tensors of one storage."""
    base = torch.arange(12, dtype=torch.float32) / 4
    return OrderedDict(
        half=base[:4].half(),
        bfloat16=base[:4].bfloat16(),
        double=base[:4].double(),
        int32=torch.tensor([1, -2, 3], dtype=torch.int32),
        uint8=torch.tensor([0, 255], dtype=torch.uint8),
        bool=torch.tensor([True, False, True]),
        transposed=base.reshape(3, 4).t(),
        inside=base[5:9],
        whole=base,
        empty=torch.zeros(0, 3),
    )


def parameters():
    """A state dict that kept its parameters, and a buffer saved next to it."""
    return {
        key: torch.nn.Parameter(value) if value.is_floating_point() else value
        for key, value in state().items()
    }


def expected(tensors):
    rows = []
    for key, value in tensors.items():
        plain = value.detach()
        values = [number(v) if plain.is_floating_point() else int(v) for v in plain.flatten()]
        dtype = str(value.dtype).removeprefix("torch.")
        rows.append({"key": key, "dtype": dtype, "shape": list(value.shape), "values": values})
    return rows


class Exported(torch.nn.Module):
    """Two layers with the numbers of formula.py."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn = torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.BatchNorm2d(3)
        values = {key: torch.from_numpy(np.asarray(formula.tensor(key, tuple(value.shape)))) for key, value in self.state_dict().items()}
        self.load_state_dict(values)

    def forward(self, picture):
        return torch.relu(self.bn(self.conv(picture)))


def archive():
    """A PT2 archive, without notes on where the code lies."""
    program = torch.export.export(Exported().eval(), (torch.zeros(1, 2, 8, 8),))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
        node.meta.pop("nn_module_stack", None)
        node.meta.pop("source_fn_stack", None)
    torch.export.save(program, NETWORKS / "exported.pt2")


def main():
    archive()
    NETWORKS.mkdir(parents=True, exist_ok=True)
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1))
    harmful = {"conv.weight": state()["conv.weight"], "extra": Harmful()}
    files = [
        ("state-dict.pt", state(), True, state(), None),
        ("parameters.pt", parameters(), True, parameters(), None),
        ("kinds.pt", kinds(), True, kinds(), None),
        ("lightning.pt", lightning(), True, state("model."), None),
        ("legacy.pt", state(), False, state(), None),
        ("legacy-kinds.pt", kinds(), False, kinds(), None),
        ("whole-module.pt", network, True, {}, "a pickled module, not tensors: its classes are code"),
        ("harmful.pt", harmful, True, {}, "calls os.system when unpickled"),
        ("harmful-legacy.pt", harmful, False, {}, "calls os.system when unpickled"),
    ]
    rows = []
    for name, content, zipped, tensors, refused in files:
        path = NETWORKS / name
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        assert path.stat().st_size < 20_000, path
        if refused is None:
            torch.load(path, weights_only=True)
        row = {"file": name, "container": "zip" if zipped else "legacy", "refused": refused}
        rows.append({**row, "tensors": expected(tensors)})
    write(NETWORKS / "checkpoints.json", {"versions": versions(), "mark": MARK, "files": rows})
