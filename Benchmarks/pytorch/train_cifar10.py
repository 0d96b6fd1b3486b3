"""Trains a small vision transformer on CIFAR-10 with PyTorch and timm: the yardstick for TetraJet's accuracy and speed.

    python Benchmarks/pytorch/train_cifar10.py --data DIR --cache cifar10.npz --method tetrajet --seed 1

DIR holds train/<class>/*.jpg and test/<class>/*.jpg. They are decoded once into the file given by --cache, which later runs
read instead (then --data may be left out). One JSON line an epoch on stdout: epoch, train_loss (with label smoothing),
eval_loss (without), eval_top1 in percent, images_per_second (training steps with their augmentation, without evaluation).

Model: 32x32 images, patches of 8, width 96, depth 6, 3 heads, head on the class token, timm's default initialization.
Letters: B batch, H height, W width.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timm.models.vision_transformer import VisionTransformer
from torch.nn import functional as F

from fake_mxfp4 import METHODS, quantize_linears

BATCH, SIZE, PADDING = 128, 32, 4
WARMUP_EPOCHS, WARMUP_LR, FINAL_LR = 1, 1e-6, 1e-5
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def decode(folder, classes):
    """All images of a split as uint8 [count, 3, H, W], with the class's place in `classes` as label."""
    files = [(path, label) for label, name in enumerate(classes) for path in sorted((folder / name).glob("*.jpg"))]
    if not files:
        sys.exit(f"train_cifar10: no <class>/*.jpg in {folder}")
    images = np.stack([np.asarray(Image.open(path).convert("RGB")).transpose(2, 0, 1) for path, _ in files])
    return images, np.array([label for _, label in files], np.int64)


def load_cifar10(data, cache):
    """{train_images, train_labels, test_images, test_labels} as tensors, from the cache if it is there."""
    if cache is None or not cache.exists():
        if data is None or not (data / "train").is_dir() or not (data / "test").is_dir():
            sys.exit("train_cifar10: no cache yet, and --data is not a folder with train/ and test/ in it")
        classes = sorted(folder.name for folder in (data / "train").iterdir() if folder.is_dir())
        arrays = {}
        for split in ("train", "test"):
            arrays[f"{split}_images"], arrays[f"{split}_labels"] = decode(data / split, classes)
        if cache is None:
            return {key: torch.from_numpy(array) for key, array in arrays.items()}
        # Under another name first: a run that is interrupted here must not leave half a cache behind.
        partial = cache.with_suffix(".partial.npz")
        np.savez(partial, **arrays)
        partial.replace(cache)
    with np.load(cache) as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def normalize(images):
    """uint8 [B, 3, H, W] to float with ImageNet's mean and standard deviation."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (images.float() / 255 - mean) / std


def augment(images, generator):
    """Random crop after padding with 4 black pixels a side, then a horizontal flip with probability 1/2, in uint8."""
    count = len(images)
    padded = F.pad(images, (PADDING,) * 4)
    top, left = torch.randint(2 * PADDING + 1, (2, count, 1), generator=generator)
    span = torch.arange(SIZE)
    flip = torch.rand(count, 1, generator=generator) < 0.5
    rows, columns = top + span, left + torch.where(flip, span.flip(0), span)
    # One gather does both: image b, all channels, rows[b], columns[b]. Indexing moves the channel axis to the end.
    cropped = padded[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return cropped.permute(0, 3, 1, 2)


def learning_rate(step, steps, warmup_steps, peak):
    """Linear from 1e-6 in the first epoch, then a cosine over all steps from `peak` to 1e-5, read at this step.

    As in timm and the DeiT recipe the cosine starts at step 0 and the warm-up lies over its beginning.
    """
    if step < warmup_steps:
        return WARMUP_LR + (peak - WARMUP_LR) * step / warmup_steps
    return FINAL_LR + (peak - FINAL_LR) * (1 + math.cos(math.pi * step / steps)) / 2


def build_optimizer(model, lr):
    """AdamW with weight decay on matrices only: none on biases, norms, the class token and the position embedding."""
    decayed, plain = [], []
    for name, parameter in model.named_parameters():
        exempt = parameter.ndim <= 1 or name in ("cls_token", "pos_embed")
        (plain if exempt else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.999), eps=1e-8, fused=True)


@torch.no_grad()
def evaluate(model, images, labels):
    """Mean cross entropy and top-1 in percent."""
    model.eval()
    loss = correct = 0
    for batch, target in zip(images.split(500), labels.split(500)):
        logits = model(normalize(batch))
        loss += F.cross_entropy(logits, target, reduction="sum").item()
        correct += (logits.argmax(1) == target).sum().item()
    return loss / len(labels), 100 * correct / len(labels)


def arguments():
    parser = argparse.ArgumentParser(description="trains a small vision transformer on CIFAR-10 with PyTorch")
    parser.add_argument("--data", type=Path, help="folder with train/ and test/ of class folders")
    parser.add_argument("--cache", type=Path, help="decoded images (.npz); written if it is not there")
    parser.add_argument("--method", choices=METHODS, default="fp32")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--limit", type=int, help="use only this many images a split, for a quick try")
    return parser.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    data = load_cifar10(args.data, args.cache)
    if args.limit:
        # The images lie class by class: equal strides keep the classes balanced.
        data = {key: value[:: max(1, len(value) // args.limit)][: args.limit] for key, value in data.items()}

    torch.manual_seed(args.seed)
    shape = {"img_size": SIZE, "patch_size": 8, "embed_dim": 96, "depth": 6, "num_heads": 3, "mlp_ratio": 4}
    model = VisionTransformer(**shape, qkv_bias=True, num_classes=10)
    quantize_linears(model, args.method)
    optimizer = build_optimizer(model, args.lr)
    # A generator of its own, so that every method sees the same batches: stochastic rounding draws from the global one.
    generator = torch.Generator().manual_seed(args.seed)

    count = len(data["train_labels"])
    steps_per_epoch = math.ceil(count / BATCH)
    step = 0
    for epoch in range(1, args.epochs + 1):
        model.train()
        start, loss_sum = time.perf_counter(), 0.0
        for index in torch.randperm(count, generator=generator).split(BATCH):
            lr = learning_rate(step, args.epochs * steps_per_epoch, WARMUP_EPOCHS * steps_per_epoch, args.lr)
            for group in optimizer.param_groups:
                group["lr"] = lr
            images = normalize(augment(data["train_images"][index], generator))
            loss = F.cross_entropy(model(images), data["train_labels"][index], label_smoothing=0.1)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            loss_sum += loss.item() * len(index)
            step += 1
        seconds = time.perf_counter() - start
        if not math.isfinite(loss_sum):
            sys.exit(f"train_cifar10: the loss of epoch {epoch} is not finite")
        eval_loss, eval_top1 = evaluate(model, data["test_images"], data["test_labels"])
        line = {
            "epoch": epoch,
            "train_loss": round(loss_sum / count, 5),
            "eval_loss": round(eval_loss, 5),
            "eval_top1": round(eval_top1, 3),
            "images_per_second": round(count / seconds, 1),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
