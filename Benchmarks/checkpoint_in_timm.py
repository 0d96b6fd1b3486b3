"""Does a TetraJet checkpoint mean the same model to timm? Loads one, and compares logits, loss and every gradient.

    python Benchmarks/checkpoint_in_timm.py RUN/last.safetensors [--tetrajet .build/release/tetrajet]

The checkpoint goes into timm's VisionTransformer with load_state_dict(strict=True); its metadata says which shape. Then both
sides compute one fp32 training step on the same random batch: timm here, TetraJet through `tetrajet trace`. The largest
relative L2 errors are printed; the exit status is 1 if one is above 1e-4.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.nn import functional as F

from pytorch.timm_vit import relative_l2, vit_from_metadata

TOLERANCE = 1e-4


class CheckFailed(Exception):
    pass


def load(path):
    """Tensors and metadata of a safetensors file."""
    try:
        with safe_open(path, "pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise CheckFailed(f"cannot read {path}: {error}") from None


def model_of(checkpoint):
    """The checkpoint as a timm model, and its metadata."""
    tensors, metadata = load(checkpoint)
    try:
        model = vit_from_metadata(metadata)
        model.load_state_dict(tensors, strict=True)
    except (ValueError, RuntimeError) as error:
        raise CheckFailed(f"{checkpoint} does not fit timm's VisionTransformer: {error}") from None
    return model, metadata


def expected_step(model, images, labels):
    """timm's logits, loss and gradients under trace's names."""
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    gradients = {f"grad.{name}": parameter.grad for name, parameter in model.named_parameters()}
    return {"logits": logits.detach(), "loss": loss.detach(), **gradients}


def traced_step(tetrajet, model, metadata, images, labels, folder):
    """The same from `tetrajet trace`."""
    batch, out = folder / "batch.safetensors", folder / "trace.safetensors"
    tensors = {f"model.{name}": value.contiguous() for name, value in model.state_dict().items()}
    save_file(tensors | {"images": images, "labels": labels}, batch, metadata=metadata)
    command = [tetrajet, "trace", str(batch), str(out), "--method", "fp32"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CheckFailed(f"cannot start {tetrajet}: {error.strerror}") from None
    if done.returncode != 0:
        complaint = done.stderr.strip().splitlines() or ["nothing on stderr"]
        raise CheckFailed(f"tetrajet trace ended with status {done.returncode}: {complaint[-1]}")
    return load(out)[0]


def main():
    parser = argparse.ArgumentParser(description="compares a TetraJet checkpoint in timm with TetraJet itself")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--tetrajet", default=".build/release/tetrajet", help="the built command")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    model, metadata = model_of(args.checkpoint)
    print(f"{args.checkpoint}: {sum(p.numel() for p in model.parameters())} parameters, loaded with strict=True")
    torch.manual_seed(args.seed)
    size = int(metadata["img_size"])
    images = torch.randn(args.batch, int(metadata.get("in_chans", 3)), size, size)
    labels = torch.randint(int(metadata["num_classes"]), (args.batch,))

    expected = expected_step(model, images, labels)
    with tempfile.TemporaryDirectory() as folder:
        found = traced_step(args.tetrajet, model, metadata, images, labels, Path(folder))
    if missing := sorted(set(expected) - set(found)):
        raise CheckFailed(f"tetrajet trace wrote no {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}")

    errors = {key: relative_l2(found[key], value) for key, value in expected.items()}
    worst_gradient = max((key for key in errors if key.startswith("grad.")), key=errors.get)
    for key in ("logits", "loss", worst_gradient):
        print(f"relative L2 error of {key}: {errors[key]:.3g}")
    worst = max(errors.values())
    if not worst <= TOLERANCE:
        raise CheckFailed(f"largest error {worst:.3g} is above {TOLERANCE:g}")
    print(f"all {len(errors)} tensors agree within {TOLERANCE:g}")


if __name__ == "__main__":
    try:
        main()
    except CheckFailed as failure:
        sys.exit(f"checkpoint_in_timm: {failure}")
