"""How often could neighbouring groups of an MXFP4 operand be multiplied as one?

    pip install -r Benchmarks/requirements.txt
    python Benchmarks/merged_groups.py CHECKPOINT IMAGES [--batch 16]

CHECKPOINT is a safetensors file of `tetrajet train`, IMAGES a folder of class folders. A doubled E2M1 code is 12 at most and a
byte holds 127, so groups whose exponents lie at most three apart could be shifted to one exponent, exactly, and multiplied as
one group of 64 or 128 elements. The script takes the operands of all six products' quantizers from a forward and a backward
pass in single precision, and prints for each which share of the sets of two and four neighbours, and of the blocks of 16 lanes
of them (what a tile would need), lies so.
"""

import argparse
import sys

import torch
from safetensors import safe_open
from torch import nn
from torch.nn import functional
from torchvision import transforms
from torchvision.datasets import ImageFolder

from pytorch.timm_models import model_from_metadata

GROUP, LANES, ROOM = 32, 16, 3


def exponents(matrix):
    """The truncation-free scale's exponent of each group along the rows, [rows, groups]; NaN where a group is zero."""
    padding = -matrix.shape[1] % GROUP
    largest = functional.pad(matrix, (0, padding)).reshape(matrix.shape[0], -1, GROUP).abs().amax(2).double()
    return torch.where(largest > 0, torch.ceil(torch.log2(largest / 6)), torch.nan)


def shares(matrix, size):
    """Of the sets of `size` neighbouring groups, and of their blocks of 16 lanes, those that one exponent can hold."""
    found = exponents(matrix)
    count = found.shape[1] // size * size
    if count == 0 or found.shape[0] < LANES:
        return None
    sets = found[:, :count].reshape(found.shape[0], -1, size)
    spread = sets.nan_to_num(nan=-torch.inf).amax(2) - sets.nan_to_num(nan=torch.inf).amin(2)
    fits = spread <= ROOM  # of zeros alone: minus infinity
    blocks = fits[: fits.shape[0] // LANES * LANES].reshape(-1, LANES, fits.shape[1]).all(1)
    return fits.double().mean().item(), blocks.double().mean().item()


def operands(model, images, labels):
    """For each quantized layer its X, W and dY, as matrices of one row a token."""
    seen = {}

    def forward(name):
        def hook(_, inputs, output):
            seen[name] = [inputs[0].detach().flatten(0, -2)]
            output.register_hook(lambda gradient: seen[name].append(gradient.flatten(0, -2)))

        return hook

    layers = {n: m for n, m in model.named_modules() if isinstance(m, nn.Linear) and ("attn" in n or "mlp" in n)}
    for name, layer in layers.items():
        layer.register_forward_hook(forward(name))
    functional.cross_entropy(model(images), labels).backward()
    for name, layer in layers.items():
        x, dy = seen[name]
        yield x, layer.weight.detach(), dy


def batch_of(folder, size, count):
    """Images from all over a folder, and their labels."""
    steps = [transforms.Resize(size), transforms.CenterCrop(size), transforms.ToTensor()]
    steps.append(transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    found = ImageFolder(folder, transforms.Compose(steps))
    images, labels = zip(*(found[place * len(found) // count] for place in range(count)), strict=True)
    return torch.stack(images), torch.tensor(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("images")
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    with safe_open(options.checkpoint, "pt") as file:
        metadata = file.metadata()
        model = model_from_metadata(metadata)
        model.load_state_dict({key: file.get_tensor(key) for key in file.keys() if not key.endswith(".ema")})
    images, labels = batch_of(options.images, int(metadata["img_size"]), options.batch)
    # The names of NUMERICS: Q1 and Q2 forward, Q3 and Q4 for dX, Q5 and Q6 for dW.
    total = {f"Q{number}": {2: [], 4: []} for number in range(1, 7)}
    for x, weight, dy in operands(model, images, labels):
        for name, matrix in zip(total, (x, weight, dy, weight.T, dy.T, x.T), strict=True):
            for size, found in total[name].items():
                if (share := shares(matrix, size)) is not None:
                    found.append(share)
    print("| quantizer | two: sets | blocks | four: sets | blocks |\n|---|---|---|---|---|")
    for name, sizes in total.items():
        cells = []
        for found in sizes.values():
            means = torch.tensor(found).mean(0).tolist() if found else None
            cells += ["–", "–"] if means is None else [f"{mean:.3f}" for mean in means]
        print(f"| {name} | " + " | ".join(cells) + " |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
