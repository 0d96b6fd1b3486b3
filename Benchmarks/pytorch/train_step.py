"""Times one training step of a timm model on the CPU: forward, cross entropy, backward, AdamW.

    python Benchmarks/pytorch/train_step.py --model deit_tiny_patch16_224 --batch 32 --threads 2 --method tetrajet

Methods: fp32, bf16 (torch.autocast), microscaling and tetrajet (the simulation of fake_mxfp4). Images are random: a step's
time does not depend on them. One JSON line on stdout; `seconds` is the median of the timed steps, memory is in MiB.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from contextlib import nullcontext

import timm
import torch
from torch.nn import functional as F

from fake_mxfp4 import METHODS, quantize_linears


def peak_memory_mb():
    """The most memory this process has held, in MiB; the kernel counts in KiB on Linux, in bytes on macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


# What Python and PyTorch weigh before there is a model, so that a reader can take it off.
IMPORT_MEMORY_MB = peak_memory_mb()


def arguments():
    parser = argparse.ArgumentParser(description="times one training step of a timm model")
    parser.add_argument("--model", default="deit_tiny_patch16_224", help="timm's name of it")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--method", choices=("bf16", *METHODS), default="fp32")
    parser.add_argument("--steps", type=int, default=10, help="timed steps")
    parser.add_argument("--warmup", type=int, default=2, help="steps before those, not timed")
    return parser.parse_args()


def main():
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)

    model = timm.create_model(args.model, pretrained=False).train()
    if args.method != "bf16":
        quantize_linears(model, args.method)
    # fused: one pass over each parameter, the fastest AdamW PyTorch has on a CPU; a rival is measured at its best.
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.05, fused=True)
    images = torch.randn(args.batch, *model.default_cfg["input_size"])
    labels = torch.randint(model.num_classes, (args.batch,))

    def step():
        # The backward pass runs outside autocast, as PyTorch's documentation asks; it takes each operation's forward type.
        with torch.autocast("cpu", torch.bfloat16) if args.method == "bf16" else nullcontext():
            loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    seconds = []
    for index in range(args.warmup + args.steps):
        start = time.perf_counter()
        loss = step()
        if index >= args.warmup:
            seconds.append(time.perf_counter() - start)
    if loss != loss:
        sys.exit(f"train_step: the loss is NaN after {args.warmup + args.steps} steps of {args.method}")

    median = statistics.median(seconds)
    result = {
        "model": args.model,
        "batch": args.batch,
        "method": args.method,
        "threads": args.threads,
        "seconds": round(median, 6),
        "images_per_second": round(args.batch / median, 3),
        "peak_memory_mb": peak_memory_mb(),
        "import_memory_mb": IMPORT_MEMORY_MB,
        "torch": torch.__version__,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
