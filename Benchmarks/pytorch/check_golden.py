"""Checks fake_mxfp4 against golden vectors: quantizers bit for bit, the linear layer, a small vision transformer.

    python Benchmarks/pytorch/check_golden.py --golden DIR        (or, in Benchmarks/pytorch, python -m check_golden ...)

DIR holds quantizers.safetensors, linear.safetensors, vit.safetensors and swin.safetensors. One line a check; exit status 1 if one fails.
The golden backward passes round to nearest even; stochastic rounding is checked by its mean and its two neighbours.
"""

import argparse
import sys
from pathlib import Path

import torch
from safetensors import safe_open
from torch.nn import functional as F

from fake_mxfp4 import METHODS, FakeQuantizedProduct, LinearRecipe, fake_quantize, quantize_linears
from timm_models import model_from_metadata, relative_l2


def load(path):
    """Tensors and metadata of a safetensors file."""
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, file.metadata()


def check_quantizers(path):
    """Every E2M1 case, compared as bits, so that a zero's sign counts too; yields (name, error, tolerance)."""
    tensors, _ = load(path)
    for key in sorted(tensors):
        case, _, kind = key.rpartition(".")
        if kind != "x" or not key.startswith("e2m1."):
            continue
        _, rule, axis = case.split(".")[:3]
        values = fake_quantize(tensors[key], {"rows": 1, "columns": 0}[axis], rule)
        wrong = values.view(torch.int32) != tensors[f"{case}.values"].view(torch.int32)
        yield f"quantizers {case}", int(wrong.sum()), 0


def check_linear(path):
    """Y, dX, dW, db with all six quantizers and with one at a time; relative L2 error, whose tolerance is the order of sums."""
    tensors, _ = load(path)
    for shape in sorted({key.split(".")[0] for key in tensors}):
        for method in ("tetrajet", "microscaling"):
            for which in ("all", "q1", "q2", "q3", "q4", "q5", "q6"):
                enabled = range(1, 7) if which == "all" else [int(which[1])]
                recipe = LinearRecipe.of(method, "nearest-even", enabled)
                x, w, b = (tensors[f"{shape}.{name}"].clone().requires_grad_() for name in ("x", "w", "b"))
                y = FakeQuantizedProduct.apply(x, w, b, recipe)
                y.backward(tensors[f"{shape}.dy"])
                found = {"y": y.detach(), "dx": x.grad, "dw": w.grad, "db": b.grad}
                worst = max(relative_l2(found[key], tensors[f"{shape}.{method}.{which}.{key}"]) for key in found)
                yield f"linear {shape} {method} {which}", worst, 1e-6


def check_model(path):
    """Logits, loss and every gradient of a small model. In MXFP4 one value that rounds the other way moves all that follows."""
    tensors, metadata = load(path)
    for method in METHODS:
        model = model_from_metadata(metadata)
        model.load_state_dict({key[6:]: value for key, value in tensors.items() if key.startswith("model.")}, strict=True)
        quantize_linears(model, method, "nearest-even")
        logits = model(tensors["images"])
        loss = F.cross_entropy(logits, tensors["labels"])
        loss.backward()
        found = {"logits": logits.detach(), "loss": loss.detach()}
        found |= {f"grad.{name}": parameter.grad for name, parameter in model.named_parameters()}
        gradients = [key for key in found if key.startswith("grad.")]
        for group, keys in (("logits", ["logits"]), ("loss", ["loss"]), ("gradients", gradients)):
            worst = max(relative_l2(found[key], tensors[f"{method}.{key}"]) for key in keys)
            yield f"{path.stem} {method} {group}", worst, 1e-5 if method == "fp32" else 2e-2


def check_stochastic(draws=4096):
    """Each draw is one of the two neighbours, and the mean of many is the value: worst deviation in standard errors."""
    torch.manual_seed(1)
    x = torch.randn(1, 32)
    samples = fake_quantize(x.expand(draws, -1).contiguous(), 1, rounding="stochastic")
    low, high = samples.amin(0), samples.amax(0)
    outside = ((x[0] < low) | (x[0] > high)).sum() + ((samples != low) & (samples != high)).sum()
    yield "stochastic: draws that are not a neighbour", int(outside), 0
    p = (x[0] - low) / (high - low).clamp(min=1e-30)
    error = (high - low) * (p * (1 - p) / draws).sqrt()
    # An element on the grid has error 0 and must not move at all; 5 standard errors is one false alarm in 50,000 runs.
    yield "stochastic: bias in standard errors", float(((samples.mean(0) - x[0]).abs() / error.clamp(min=1e-7)).max()), 5


def main():
    parser = argparse.ArgumentParser(description="checks the PyTorch simulation of MXFP4 against golden vectors")
    parser.add_argument("--golden", type=Path, required=True, help="folder with the golden safetensors files")
    golden = parser.parse_args().golden
    torch.set_num_threads(1)
    checks = failures = 0
    for results in (
        check_quantizers(golden / "quantizers.safetensors"),
        check_linear(golden / "linear.safetensors"),
        check_model(golden / "vit.safetensors"),
        check_model(golden / "swin.safetensors"),
        check_stochastic(),
    ):
        for name, error, tolerance in results:
            passed = error <= tolerance
            print(f"{'ok  ' if passed else 'FAIL'} {name}: {error:.3g} (at most {tolerance:g})")
            checks, failures = checks + 1, failures + (not passed)
    print(f"{checks - failures} of {checks} checks passed")
    return 1 if failures or not checks else 0


if __name__ == "__main__":
    sys.exit(main())
