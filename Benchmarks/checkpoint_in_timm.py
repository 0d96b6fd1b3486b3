"""Does a TetraJet checkpoint mean the same model to timm? Loads one, and compares logits, loss and every gradient.

    python Benchmarks/checkpoint_in_timm.py RUN/last.safetensors [--tetrajet .build/release/tetrajet]
    python Benchmarks/checkpoint_in_timm.py

The checkpoint goes into timm's VisionTransformer or SwinTransformer with load_state_dict(strict=True); its metadata says which
shape. (Q-EMA's averages, NAME.ema, stay out.) Without a checkpoint, timm's own models (the paper's five, and DeiT-III's) take their turns, with
random weights. Then both sides compute one fp32 training step on the same random batch: timm here, TetraJet through `tetrajet trace`. The largest
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

from pytorch.timm_models import model_from_metadata, relative_l2

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


# The paper's models as metadata describes them.
DEIT = {"architecture": "vit", "img_size": "224", "patch_size": "16", "depth": "12", "num_classes": "1000", "norm_eps": "1e-6"}
SWIN = {
    "architecture": "swin", "img_size": "224", "patch_size": "4", "embed_dim": "96", "num_heads": "3 6 12 24",
    "num_classes": "1000", "window_size": "7", "norm_eps": "1e-5",
}
MODELS = {
    "deit_tiny_patch16_224": DEIT | {"embed_dim": "192", "num_heads": "3"},
    "deit_small_patch16_224": DEIT | {"embed_dim": "384", "num_heads": "6"},
    "deit_base_patch16_224": DEIT | {"embed_dim": "768", "num_heads": "12"},
    "swin_tiny_patch4_window7_224": SWIN | {"depths": "2 2 6 2"},
    "swin_small_patch4_window7_224": SWIN | {"depths": "2 2 18 2"},
    "deit3_small_patch16_224": DEIT | {"architecture": "deit3", "embed_dim": "384", "num_heads": "6"},
    "deit3_base_patch16_224": DEIT | {"architecture": "deit3", "embed_dim": "768", "num_heads": "12"},
}


def model_of(checkpoint):
    """The checkpoint as a timm model, and its metadata."""
    tensors, metadata = load(checkpoint)
    try:
        model = model_from_metadata(metadata)
        model.load_state_dict({key: value for key, value in tensors.items() if not key.endswith(".ema")}, strict=True)
    except (ValueError, RuntimeError) as error:
        raise CheckFailed(f"{checkpoint} does not fit timm's model: {error}") from None
    return model, metadata


def named_model(name):
    """timm's model of a name with random weights, norms and biases too, and metadata that describes it."""
    import timm

    model = timm.create_model(name, pretrained=False)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model, MODELS[name]


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
    tensors = {f"model.{name}": value.detach().contiguous() for name, value in model.named_parameters()}
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


def check(name, model, metadata, args):
    """Compares one step on a random batch, and prints the largest errors."""
    size = int(metadata["img_size"])
    images = torch.randn(args.batch, int(metadata.get("in_chans", 3)), size, size)
    labels = torch.randint(int(metadata["num_classes"]), (args.batch,))
    expected = expected_step(model.eval(), images, labels)
    with tempfile.TemporaryDirectory() as folder:
        found = traced_step(args.tetrajet, model, metadata, images, labels, Path(folder))
    if missing := sorted(set(expected) - set(found)):
        raise CheckFailed(f"tetrajet trace wrote no {', '.join(missing[:5])}{' ...' if len(missing) > 5 else ''}")
    errors = {key: relative_l2(found[key], value) for key, value in expected.items()}
    worst_gradient = max((key for key in errors if key.startswith("grad.")), key=errors.get)
    print(f"{name}: {sum(p.numel() for p in model.parameters())} parameters, batch {args.batch}")
    for key in ("logits", "loss", worst_gradient):
        print(f"  relative L2 error of {key}: {errors[key]:.3g}")
    worst = max(errors.values())
    if not worst <= TOLERANCE:
        raise CheckFailed(f"{name}: largest error {worst:.3g} is above {TOLERANCE:g}")
    print(f"  all {len(errors)} tensors agree within {TOLERANCE:g}", flush=True)


def main():
    parser = argparse.ArgumentParser(description="compares a TetraJet checkpoint in timm with TetraJet itself")
    parser.add_argument("checkpoint", type=Path, nargs="?", help="default: timm's models of the presets, with random weights")
    parser.add_argument("--tetrajet", default=".build/release/tetrajet", help="the built command")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    if args.checkpoint:
        check(str(args.checkpoint), *model_of(args.checkpoint), args)
    else:
        for name in MODELS:
            check(name, *named_model(name), args)


if __name__ == "__main__":
    try:
        main()
    except CheckFailed as failure:
        sys.exit(f"checkpoint_in_timm: {failure}")
