"""What would each option of Q1 cost a trained model, without any training?

    pip install -r Benchmarks/requirements.txt
    python Benchmarks/input_options.py RUN IMAGES [--per-class 200]

RUN is the folder of a run of `tetrajet train` by a ViT in single precision, IMAGES a folder of class folders. Its weights are put into
plain NumPy, whose linear layers quantize inputs and weights to MXFP4 in the ways below, and the script prints for each the test loss,
how far that is above single precision's, and which share of the inputs' squares Q1 loses, by kind of layer. Means and squares of
channels are those of the images themselves. It says where the room is; what training makes of it only training says.
"""

import argparse
import json
import struct
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.special import erf

GROUP = 32
KINDS = ["qkv", "proj", "fc1", "fc2"]
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])

HADAMARD = np.ones((1, 1))
while len(HADAMARD) < GROUP:
    HADAMARD = np.block([[HADAMARD, HADAMARD], [HADAMARD, -HADAMARD]])
HADAMARD = (HADAMARD / np.sqrt(GROUP)).astype(np.float32)


def tensors(path):
    """The tensors of a safetensors file, and its metadata."""
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        body = file.read()
    notes = header.pop("__metadata__", {})
    found = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        found[name] = np.frombuffer(body[start:end], np.float32).reshape(entry["shape"])
    return found, notes


def rounded(x, scale, mantissa_bits):
    """Magnitudes of two exponent bits and some of mantissa, to the nearest, ties to even, under power-of-two scales."""
    y = np.abs(x) / scale
    step = np.exp2(np.clip(np.floor(np.log2(np.maximum(y, 1e-30))), 0, 2) - mantissa_bits)
    largest = 8 - 4 / 2**mantissa_bits
    return np.sign(x) * np.minimum(np.round(y / step) * step, largest) * scale


def quantized(x, rule="truncation-free", mantissa_bits=1):
    """x [n, d] in groups of 32 along its rows: MXFP4, or MXFP6 (E2M3) with three bits of mantissa."""
    groups = np.pad(x, ((0, 0), (0, -x.shape[1] % GROUP))).reshape(len(x), -1, GROUP)
    largest = np.maximum(np.abs(groups).max(-1, keepdims=True), 1e-30)
    free = np.exp2(np.ceil(np.log2(largest / (8 - 4 / 2**mantissa_bits))))
    if rule == "floor":
        values = rounded(groups, np.exp2(np.floor(np.log2(largest)) - 2), mantissa_bits)
    else:
        values = rounded(groups, free, mantissa_bits)
    if rule == "better of two":
        smaller = rounded(groups, free / 2, mantissa_bits)
        errors = [((y - groups) ** 2).sum(-1, keepdims=True) for y in (values, smaller)]
        values = np.where(errors[1] < errors[0], smaller, values)
    return values.reshape(len(x), -1)[:, : x.shape[1]]


class Layers:
    """The linear layers of a model, by one option."""

    def __init__(self, weights, statistics, **option):
        self.weights, self.statistics, self.option = weights, statistics, option
        self.lost = {}

    def __call__(self, name, x):
        weight, bias = self.weights[name + ".weight"], self.weights[name + ".bias"]
        kind, option = name.split(".")[-1], self.option
        if self.statistics is None or kind not in option.get("kinds", KINDS):
            return x @ weight.T + bias
        mean, square = self.statistics[name]
        offset = mean if kind in option.get("means", []) else np.zeros_like(mean)
        bias = bias + quantized(weight) @ offset
        values, rule = x - offset, option.get("rule", "truncation-free")
        if option.get("rotated"):
            values, weight = rotate(values), rotate(weight)
        if option.get("scaled"):
            # As hard for X as for W, by powers of two.
            spread = np.sqrt(np.maximum(square - 2 * offset * mean + offset**2, 1e-12))
            scale = np.sqrt(spread / np.sqrt((weight**2).mean(0)))
            scale = np.exp2(np.round(np.log2(scale / np.median(scale))))
            values, weight = values / scale, weight * scale
        read = values if option.get("exact") else quantized(values, rule, option.get("mantissa", 1))
        if share := option.get("worst"):
            # Those channels that lose most, once more: what the first codes lose.
            loss = ((read - values) ** 2).mean(0) * (weight**2).mean(0)
            worst = np.argsort(-loss)[: int(np.ceil(share * len(loss)))]
            read = read.copy()
            read[:, worst] += quantized(values[:, worst] - read[:, worst])
        self.lost.setdefault(kind, []).append(((read - values) ** 2).sum() / (x**2).sum())
        return read @ quantized(weight, option.get("weight_rule", "truncation-free")).T + bias


class Observer(Layers):
    """The same in single precision, which notes the means and the squares of channels."""

    def __init__(self, weights):
        super().__init__(weights, None)
        self.seen = {}

    def __call__(self, name, x):
        self.seen[name] = (x.mean(0), (x**2).mean(0))
        return super().__call__(name, x)


def rotate(x):
    return (x.reshape(len(x), -1, GROUP) @ HADAMARD).reshape(x.shape)


def normalized(x, weights, name):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt(x.var(-1, keepdims=True) + 1e-6) * weights[name + ".weight"] + weights[name + ".bias"]


def logits(weights, images, heads, linear):
    patch = weights["patch_embed.proj.weight"]
    (width, channels, size, _), count = patch.shape, len(images)
    side = images.shape[-1] // size
    cut = images.reshape(count, channels, side, size, side, size).transpose(0, 2, 4, 1, 3, 5)
    x = cut.reshape(count, side * side, -1) @ patch.reshape(width, -1).T + weights["patch_embed.proj.bias"]
    x = np.concatenate([np.broadcast_to(weights["cls_token"], (count, 1, width)), x], 1) + weights["pos_embed"]
    tokens, block = x.shape[1], 0
    while f"blocks.{block}.norm1.weight" in weights:
        name = f"blocks.{block}."
        qkv = linear(name + "attn.qkv", normalized(x, weights, name + "norm1").reshape(-1, width))
        q, k, v = qkv.reshape(count, tokens, 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
        scores = q @ k.transpose(0, 1, 3, 2) / np.sqrt(width // heads)
        shares = np.exp(scores - scores.max(-1, keepdims=True))
        gathered = (shares / shares.sum(-1, keepdims=True) @ v).transpose(0, 2, 1, 3).reshape(-1, width)
        x = x + linear(name + "attn.proj", gathered).reshape(x.shape)
        hidden = linear(name + "mlp.fc1", normalized(x, weights, name + "norm2").reshape(-1, width))
        hidden = (hidden * 0.5 * (1 + erf(hidden / np.sqrt(2)))).astype(np.float32)
        x = x + linear(name + "mlp.fc2", hidden).reshape(x.shape)
        block += 1
    return normalized(x[:, 0], weights, "norm") @ weights["head.weight"].T + weights["head.bias"]


def score(found, labels):
    found = found - found.max(-1, keepdims=True)
    loss = np.log(np.exp(found).sum(-1)) - found[np.arange(len(labels)), labels]
    return loss.mean(), 100 * (found.argmax(-1) == labels).mean()


def load_images(folder, per_class):
    images, labels = [], []
    for label, name in enumerate(sorted(p.name for p in Path(folder).iterdir() if p.is_dir())):
        for path in sorted((Path(folder) / name).iterdir())[:per_class]:
            images.append(np.asarray(Image.open(path).convert("RGB")) / 255)
            labels.append(label)
    images = (np.stack(images) - MEAN) / DEVIATION
    return images.transpose(0, 3, 1, 2).astype(np.float32), np.array(labels)


OPTIONS = [
    ("Q2 alone", {"exact": True}),
    ("Q1 and Q2", {}),
    *((f"Q1 and Q2, {kind} alone", {"kinds": [kind]}) for kind in KINDS),
    ("floor", {"rule": "floor", "weight_rule": "floor"}),
    ("better of two scales", {"rule": "better of two", "weight_rule": "better of two"}),
    ("means apart, proj and fc2", {"means": ["proj", "fc2"]}),
    ("means apart", {"means": KINDS}),
    ("rotated", {"rotated": True}),
    ("scaled", {"scaled": True}),
    ("means apart, scaled, better of two", {"means": KINDS, "scaled": True, "rule": "better of two"}),
    ("a tenth of the channels twice", {"worst": 0.1}),
    ("a quarter of the channels twice", {"worst": 0.25}),
    ("all channels twice", {"worst": 1}),
    ("inputs in MXFP6", {"mantissa": 3}),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run")
    parser.add_argument("images")
    parser.add_argument("--per-class", type=int, default=200)
    arguments = parser.parse_args()
    weights, notes = tensors(Path(arguments.run) / "last.safetensors")
    images, labels = load_images(arguments.images, arguments.per_class)
    observer = Observer(weights)
    heads = int(notes["num_heads"])
    exact, top1 = score(logits(weights, images, heads, observer), labels)
    print(f"{len(images)} images in single precision: loss {exact:.4f}, top-1 {top1:.2f} %")
    print(f"{'':36s} loss above   top-1 %   % of squares lost: " + ", ".join(KINDS))
    for name, option in OPTIONS:
        layers = Layers(weights, observer.seen, **option)
        loss, top1 = score(logits(weights, images, heads, layers), labels)
        lost = [100 * np.mean(layers.lost[kind]) if kind in layers.lost else 0 for kind in KINDS]
        print(f"{name:36s} {loss - exact:+10.4f} {top1:9.2f}   " + " ".join(f"{x:5.2f}" for x in lost))


if __name__ == "__main__":
    main()
