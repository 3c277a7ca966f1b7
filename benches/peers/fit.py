"""The training loop of all peers: a task defines the samples, the loss and the scores."""

import argparse
import copy
import json
import math
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

import nets
import same_numbers
import sets


def rate(fit, step, total):
    """Warm-up, then a cosine to 0."""
    warm = max(total * fit.get("warmup_share", 0.03), 1.0)
    shape = (step + 1) / (warm + 1) if step < warm else 0.5 * (1 + math.cos(math.pi * step / total))
    return fit["learning_rate"] * shape


class Normalization:
    """Subtracts the mean and divides by the deviation; pixels outside of the picture become the mean."""

    def __init__(self, mean, std):
        self.mean, self.std = (a.astype(np.float32)[:, None, None] for a in (mean, std))

    def __call__(self, values):
        return np.nan_to_num((values - self.mean) / self.std)


def each_step(crops, normalize, fit, steps, threads=1):
    """`drawn` of each step, those of the next ones ahead of their turn."""
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque()
        for step in steps:
            ahead.append(pool.submit(drawn, crops, normalize, fit, step))
            if len(ahead) > 2 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def drawn(crops, normalize, fit, step):
    """The chips of a step as a tensor; and the truth of each, and where it is inside the picture."""
    chips = [crops.draw(crops.stream(fit["seed"], step, i)) for i in range(fit["batch"])]
    truths = [(truth, ~np.isnan(values).any(0)) for values, truth in chips]
    return torch.from_numpy(np.stack([normalize(values) for values, _ in chips])), truths


def device_of(network):
    return next(network.parameters()).device


def up(size, step):
    return -(-size // step) * step


@torch.no_grad()
def predict(network, values, normalize, stride, settings):
    """Scores before softmax of a whole picture, float32 [outputs, height, width].

    Computed window by window: each holds `margin_px` pixels around its core of `core_px`, and like ours sees the mean
    of the bands where there is no picture.
    """
    margin, core = up(settings.get("margin_px", 64), stride), up(settings.get("core_px", 1024), stride)
    bands, height, width = values.shape
    padded = np.zeros((bands, up(height, stride) + 2 * margin, up(width, stride) + 2 * margin), np.float32)
    padded[:, margin : margin + height, margin : margin + width] = normalize(values)
    scores = None
    for top in range(0, height, core):
        for left in range(0, width, core):
            bottom, right = min(top + core, up(height, stride)), min(left + core, up(width, stride))
            view = padded[:, top : bottom + 2 * margin, left : right + 2 * margin]
            view = torch.from_numpy(np.ascontiguousarray(view))[None].to(device_of(network))
            out = network(view)[0].cpu().numpy()
            if scores is None:
                scores = np.empty((len(out), height, width), np.float32)
            to = scores[:, top:bottom, left:right]
            to[:] = out[:, margin : margin + to.shape[1], margin : margin + to.shape[2]]
    return scores


def fit(description, task, items, mean, std, device="cpu", threads=1):
    """Trains, and scores on `items["val"]`; the network with the kept weights, and its report."""
    settings = description["fit"]
    torch.manual_seed(settings["seed"])
    network, stride = nets.build(description["architecture"], len(mean), task.outputs)
    if settings.get("same_numbers"):
        same_numbers.start(network, settings["seed"])
    if hasattr(task, "begin"):
        task.begin(network)
    if settings["chip_px"] % stride:
        raise SystemExit(f"chip_px is {settings['chip_px']}, expected a multiple of {stride}")
    normalize = Normalization(mean, std)
    network.to(device)

    def scores_of(values):
        return predict(network, values, normalize, stride, description.get("evaluate", {}))

    # Like Burn's, PyTorch's optimizer applies weight decay to all parameters, including normalizations.
    optimizer = torch.optim.AdamW(
        network.parameters(),
        weight_decay=settings.get("weight_decay", 0.0),
        eps=settings.get("adam_epsilon", 1e-8),
    )
    epochs, steps, score = settings["epochs"], settings["steps_per_epoch"], settings.get("score", task.score)
    log, best, spent = [], None, 0.0
    for epoch in range(1, epochs + 1):
        network.train()
        start, losses = time.perf_counter(), []
        of = range((epoch - 1) * steps, epoch * steps)
        for step, (x, truths) in zip(of, each_step(task.crops, normalize, settings, of, threads)):
            optimizer.param_groups[0]["lr"] = rate(settings, step, epochs * steps)
            value = task.loss(network(x.to(device)), truths)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            losses.append(value.item())
        spent += time.perf_counter() - start
        row = {"epoch": epoch, "loss": sum(losses) / len(losses), "elapsed_s": round(spent, 2)}
        if epoch % settings.get("validate_every", 1) == 0 or epoch == epochs:
            network.eval()
            found = task.evaluate(scores_of, items["val"])
            row[score] = found[score]
            # As ours: nothing found counts as 0, and of equal epochs the first is kept.
            rank = found[score] or 0.0
            if best is None or settings.get("keep", "best") == "last" or rank > best[0]:
                best = (rank, epoch, found, copy.deepcopy(network.state_dict()))
        log.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
    network.load_state_dict(best[3])
    network.eval()
    other = {"evaluated": task.evaluate(scores_of, items["other"])} if items["other"] else {}
    report = {
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else "cpu",
        "parameters": sum(p.numel() for p in network.parameters()),
        "bands": {"mean": mean.tolist(), "std": std.tolist()},
        "train_s": round(spent, 1),
        "kept_epoch": best[1],
        "epochs": log,
        **best[2],
        **other,
    }
    return network, report


def save(network, path):
    """Our networks folded, under the names of our packages; others as their state dict."""
    from safetensors.torch import save_file

    state = network.fold() if isinstance(network, nets.Plain) else network.state_dict()
    save_file({k: v.cpu().contiguous() for k, v in state.items()}, path)


def main(text, make):
    """The command line. `make(description, items)` returns the task that is trained on these items."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("description", type=Path)
    parser.add_argument(
        "--data", type=Path, required=True, action="append", help="folder of data sets; may be given again"
    )
    parser.add_argument("--output", type=Path, help="where to write the report, instead of printing it")
    parser.add_argument("--weights", type=Path, help="where to write the weights, safetensors")
    parser.add_argument("--seed", type=int, help="instead of the description's")
    parser.add_argument("--epochs", type=int, help="instead of the description's")
    parser.add_argument("--steps", type=int, help="of an epoch, instead of the description's")
    parser.add_argument("--same-numbers", action="store_true", help="the random numbers of arpent-train")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cpu", help="where the network is computed: cpu, cuda")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    description = json.loads(arguments.description.read_text())
    instead = {"seed": arguments.seed, "epochs": arguments.epochs, "steps_per_epoch": arguments.steps}
    description["fit"].update({key: value for key, value in instead.items() if value is not None})
    if arguments.same_numbers:
        description["fit"]["same_numbers"] = True
    items = read(description, arguments.data)
    task = make(description, items["train"])
    device, threads = arguments.device, arguments.threads
    network, report = fit(description, task, items, *sets.statistics(items["train"]), device, threads)
    if arguments.weights:
        save(network, arguments.weights)
    head = {"description": description, "items": {split: len(of) for split, of in items.items()}}
    text = json.dumps({**head, **report}, indent=1)
    if arguments.output:
        arguments.output.write_text(text + "\n")
    else:
        print(text)


def read(description, roots):
    """Items for training and for validation, and all those of `evaluate_data`, whatever their split."""
    classes = description["classes"]
    items = sets.read_items(description["data"], roots, classes)
    splits = {split: [i for i in items if i.split == split] for split in ("train", "val")}
    other = description.get("evaluate_data")
    return {**splits, "other": sets.read_set(other, roots, classes) if other else []}
