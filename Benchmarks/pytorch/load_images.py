"""PyTorch's side of loader_against_pytorch.py: a DataLoader over class folders, with torchvision's or timm's transforms.

Prints one JSON object: images a second over `--epochs` passes after one that warms up, worker processes kept alive between.
"""

import argparse
import json
import resource
import time

import timm.data
import torch
import torchvision
from torchvision import transforms


def transform(args):
    """DeiT's training transform: timm's own, or its parts from torchvision."""
    if args.transforms == "timm":
        # Pillow 13 refuses to posterize to 0 bits, which timm asks for at magnitude 10.
        policy = None if args.policy == "none" else f"{args.policy}-mmax9"
        return timm.data.create_transform(
            args.size, is_training=True, auto_augment=policy, interpolation="bicubic",
            color_jitter=None, re_prob=args.erasing, re_mode="pixel")
    steps = [
        transforms.RandomResizedCrop(args.size, interpolation=transforms.InterpolationMode.BICUBIC),
        transforms.RandomHorizontalFlip(),
    ]
    if args.policy != "none":
        steps.append(transforms.RandAugment(2, 9))
    steps += [
        transforms.ToTensor(),
        transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ]
    if args.erasing > 0:
        steps.append(transforms.RandomErasing(args.erasing, value="random"))
    return transforms.Compose(steps)


def main():
    parser = argparse.ArgumentParser(description="Time PyTorch's DataLoader")
    parser.add_argument("--data", required=True)
    parser.add_argument("--transforms", choices=("timm", "torchvision"), default="timm")
    parser.add_argument("--policy", default="rand-m9-mstd0.5-inc1", help="timm's text, or none")
    parser.add_argument("--erasing", type=float, default=0.25)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()

    dataset = torchvision.datasets.ImageFolder(f"{args.data}/train", transform(args))
    loader = torch.utils.data.DataLoader(
        dataset, args.batch, shuffle=True, num_workers=args.workers, persistent_workers=True)
    seconds = []
    for _ in range(args.epochs + 1):
        start = time.perf_counter()
        for _ in loader:
            pass
        seconds.append(time.perf_counter() - start)
    timed = sorted(seconds[1:])[args.epochs // 2]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    del loader
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    print(json.dumps({
        "images_per_second": len(dataset) / timed, "threads": args.workers, "torch": torch.__version__,
        "peak_memory_mb": (peak + args.workers * workers) / 1024}))


if __name__ == "__main__":
    main()
