"""Small ONNX graphs that are run: as exporters and QGIS's Deepness write them, with the outputs of ONNX Runtime."""

import json

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import formula
from fixture import NETWORKS, numbers, write

SIDE = 16
FLOAT, HALF = TensorProto.FLOAT, TensorProto.FLOAT16


class Builder:
    """Nodes and initializers of a graph."""

    def __init__(self, half=False):
        self.nodes, self.initializers, self.half = [], [], half

    def weight(self, name, shape):
        return self.constant(name, np.asarray(formula.tensor(name, shape), np.float16 if self.half else np.float32))

    def constant(self, name, value):
        self.initializers.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator, *inputs, count=1, **attributes):
        outputs = [f"{operator.lower()}_{len(self.nodes)}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs[0] if count == 1 else outputs

    def conv(self, value, name, inputs, outputs, kernel=3, stride=1):
        weight = self.weight(f"{name}.weight", (outputs, inputs, kernel, kernel))
        pads = [kernel // 2] * 4
        return self.node("Conv", value, weight, self.weight(f"{name}.bias", (outputs,)), strides=[stride] * 2, pads=pads)

    def file(self, name, output, shapes, metadata=(), kind=FLOAT):
        self.nodes.append(helper.make_node("Identity", [output], ["output"]))
        ports = [helper.make_tensor_value_info(*port) for port in (("input", kind, shapes[0]), ("output", kind, shapes[1]))]
        graph = helper.make_graph(self.nodes, name, ports[:1], ports[1:], self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        helper.set_model_props(model, {key: json.dumps(value) for key, value in dict(metadata).items()})
        onnx.save(model, NETWORKS / f"{name}.onnx")
        print(f"{name}.onnx {(NETWORKS / f'{name}.onnx').stat().st_size / 1000:.1f} kB")


def gated(b, value, channels):
    """Squeeze and excitation: a global mean, so that every pixel changes all others."""
    mean = b.node("GlobalAveragePool", value)
    return b.node("Mul", value, b.node("Sigmoid", b.conv(mean, "gate", channels, channels, kernel=1)))


def segmentor():
    b = Builder()
    scores = b.conv(gated(b, b.node("Relu", b.conv("input", "stem", 3, 8)), 8), "head", 8, 3)
    classes = {"0": "_background", "1": "Road", "2": "Roof"}
    metadata = {"model_type": "Segmentor", "class_names": classes, "resolution": 20.0, "tiles_size": 64, "tiles_overlap": 25}
    standard = {"standardization_mean": [0.5, 0.4, 0.3], "standardization_std": [0.2, 0.25, 0.3]}
    b.file("graph-segmentor", b.node("Softmax", scores, axis=1), [["batch", 3, "height", "width"], ["batch", 3, "height", "width"]], {**metadata, **standard})


def half_sigmoid():
    b = Builder(half=True)
    features = b.node("Relu", b.conv("input", "stem", 1, 4))
    features = b.node("Cast", b.node("Cast", features, to=FLOAT), to=HALF)
    metadata = {"model_type": "Segmentor", "class_names": ["crack"], "resolution": 1.0, "tile_size": SIDE, "tiles_overlap": 50, "seg_thresh": 0.6}
    b.file("graph-half", b.node("Sigmoid", b.conv(features, "head", 4, 1)), [[1, 1, SIDE, SIDE], [1, 1, SIDE, SIDE]], metadata, HALF)


def computed():
    """What exporters write as computations: a table of pads, the side of an enlarged map; and attention over all pixels."""
    b = Builder()
    before = b.constant("before", np.array([0, 0, 1, 1], np.int64))
    pads = b.node("Cast", b.node("Concat", before, b.node("Sub", before, before), axis=0), to=TensorProto.INT64)
    down = b.node("Pad", "input", pads)
    weight, bias = b.weight("down.weight", (8, 3, 3, 3)), b.weight("down.bias", (8,))
    down = b.node("Relu", b.node("Conv", down, weight, bias, strides=[2, 2]))
    norm = [b.weight(f"norm.{part}", (8,)) for part in ("weight", "bias", "running_mean", "running_var")]
    down = b.node("BatchNormalization", down, *norm)
    axes = b.constant("last", np.array([8, -1], np.int64))
    tokens = b.node("Transpose", b.node("Reshape", down, axes), perm=[1, 0])
    layer = [b.weight("layer.weight", (8,)), b.weight("layer.bias", (8,))]
    tokens = b.node("LayerNormalization", tokens, *layer, axis=-1)
    shares = b.node("Softmax", b.node("MatMul", tokens, b.node("Transpose", tokens, perm=[1, 0])), axis=-1)
    tokens = b.node("Add", tokens, b.node("MatMul", shares, tokens))
    tokens = b.node("Mul", tokens, b.node("Add", b.node("Erf", tokens), b.constant("one", np.float32(1))))
    features = b.node("Reshape", b.node("Transpose", tokens, perm=[1, 0]), b.node("Shape", down))
    zero, two, four = (b.constant(f"axis_{i}", np.array([i], np.int64)) for i in (0, 2, 4))
    sides = b.node("Slice", b.node("Shape", "input"), two, four)
    counts = b.node("Slice", b.node("Shape", features), zero, two)
    enlarged = b.node("Resize", features, "", "", b.node("Concat", counts, sides, axis=0), mode="linear", coordinate_transformation_mode="half_pixel")
    b.file("graph-computed", b.conv(enlarged, "head", 8, 4), [["batch", 3, SIDE, SIDE], ["batch", 4, SIDE, SIDE]])


def detector():
    """One box for each of 8 x 8 cells: center, size, score, two classes."""
    b = Builder()
    features = b.node("Sigmoid", gated(b, b.conv("input", "stem", 3, 7, stride=2), 7))
    rows = b.node("Transpose", b.node("Reshape", features, b.constant("rows", np.array([1, 7, -1], np.int64))), perm=[0, 2, 1])
    scale = b.constant("scale", np.array([SIDE, SIDE, 4, 4, 1, 1, 1], np.float32))
    metadata = {"model_type": "Detector", "det_type": "YOLO_v5_or_v7_default", "class_names": {0: "car", 1: "truck"}, "resolution": 10, "tile_size": SIDE, "tiles_overlap": 50, "det_conf": 0.4, "det_iou_thresh": 0.3}
    b.file("graph-detector", b.node("Mul", rows, scale), [[1, 3, SIDE, SIDE], [1, 64, 7]], metadata)


def regressor():
    """Two measured values of a pixel; the gate looks at the whole picture."""
    b = Builder()
    features = gated(b, b.node("Relu", b.conv("input", "stem", 3, 8)), 8)
    metadata = {"model_type": "Regressor", "class_names": {"0": "canopy height", "1": "biomass"}, "resolution": 20.0, "tile_size": SIDE, "tiles_overlap": 50, "reg_output_scaling": [1.0, 0.5]}
    b.file("graph-regressor", b.conv(features, "values", 8, 2), [["batch", 3, "height", "width"], ["batch", 2, "height", "width"]], metadata)


def main():
    """Pixels are whole numbers from 0 to 255, normalized as the metadata say; without metadata by ImageNet's statistics."""
    usual = (np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]))
    rows = []
    for make in (segmentor, half_sigmoid, computed, detector, regressor):
        make()
    for name in ("graph-segmentor", "graph-half", "graph-computed", "graph-detector", "graph-regressor"):
        model = onnx.load(NETWORKS / f"{name}.onnx")
        props = {p.key: json.loads(p.value) for p in model.metadata_props}
        bands = 1 if name == "graph-half" else 3
        pixels = np.floor(formula.uniform("input", bands * SIDE * SIDE) * 256).reshape(1, bands, SIDE, SIDE)
        mean, std = usual if not props else [np.array(props.get(f"standardization_{key}", [usual] * bands)) for key, usual in (("mean", 0.0), ("std", 1.0))]
        picture = ((pixels / 255 - mean[:, None, None]) / std[:, None, None]).astype(np.float32)
        if name == "graph-half":
            model = in_single(model)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        output = session.run(None, {"input": picture})[0]
        rows.append({"file": f"{name}.onnx", "bands": bands, "side": SIDE, "shape": list(output.shape), "output": numbers(output)})
    write(NETWORKS / "graphs.json", {"versions": {"onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__, "numpy": np.__version__}, "graphs": rows})


def in_single(model):
    """The same network in single precision: ONNX Runtime rounds between layers of half precision, Arpent does not."""
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name))
    for port in (*model.graph.input, *model.graph.output):
        port.type.tensor_type.elem_type = FLOAT
    for node in model.graph.node:
        if node.op_type == "Cast":
            node.attribute[0].i = FLOAT
    return model
