"""Trains every method with several seeds and tabulates accuracy, losses and what the weights did: Documentation/Oscillation.md.

    python Benchmarks/oscillation_study.py --data FOLDER --output runs/study

Runs of the same seed start from the same weights and see the same images in the same order, so that a second table
compares methods pair by pair. A run whose summary is there is not repeated, so the study can be stopped and called again. `--minutes` bounds the
time in which runs are started. Only Python's own library is needed.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

METHODS = [
    "fp32", "microscaling", "tetrajet", "tetrajet+dampen", "tetrajet+freeze", "tetrajet+qema",
    "tetrajet+qramping", "tetrajet+oscireset",
]
# What stands in the table: a key of metrics.jsonl, a heading, a factor.
MEASURES = [
    ("rate_of_change_weight", "r(W) ‰", 1000), ("rate_of_change_quantized_weight", "r(W_Q) ‰", 1000),
    ("rate_of_change_output", "r(Y) ‰", 1000), ("oscillating_share", "R_w > 16 %", 100),
    ("quantization_confidence", "confidence", 1), ("flips_per_step", "flips a step", 1),
]
# What is compared pair by pair, with its decimals.
PAIRED = [("train loss", 4), ("test loss", 4), ("top-1 %", 2)]
# Student's t for 95 % of the probability, two-sided, by degrees of freedom.
STUDENT_T = [None, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228]


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="the images; needed for runs that are not there yet")
    parser.add_argument("--output", required=True, help="the folder of the runs")
    parser.add_argument("--recipe", default="Recipes/cifar10_small.yaml")
    parser.add_argument("--command", default=".build/release/tetrajet")
    parser.add_argument(
        "--methods", nargs="+", default=METHODS, metavar="METHOD[:KEY=VALUE[,KEY=VALUE]]",
        help="methods, with recipe keys to set (default: all eight)")
    parser.add_argument("--baseline", default="tetrajet", help="the method that pairs are made with")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--interval", type=int, default=0, help="steps between windows of statistics; 0 for an epoch")
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time, on one thread each")
    parser.add_argument("--minutes", type=float, default=600, help="no run is started after these")
    return parser.parse_args()


def folder(options, method, seed):
    return Path(options.output) / f"{method.replace(':', '-').replace('=', '-').replace(',', '-')}-{seed}"


def train(options, method, seed, deadline):
    run = folder(options, method, seed)
    if (run / "summary.json").exists():
        return
    if time.monotonic() > deadline or not options.data:
        return print(f"not run: {method}, seed {seed}", file=sys.stderr)
    name, _, keys = method.partition(":")
    command = [options.command, "train"]
    if (run / "resume.safetensors").exists():
        command += ["--resume", str(run), "--threads", "1"]
    else:
        command += [
            options.recipe, "--data", options.data, "--method", name, "--seed", str(seed), "--threads", "1",
            "--output", str(run), "--set", f"statistics.interval={options.interval}"]
        command += ["--epochs", str(options.epochs)] if options.epochs else []
        command += [part for key in keys.split(",") if key for part in ("--set", key)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    last = done.stderr.strip().splitlines()[-1:]
    print(f"{method}, seed {seed}: {last[0] if last else ''}", file=sys.stderr, flush=True)


def train_loss(lines):
    """The mean over the last epoch: each line's loss is that of the steps since the line before."""
    sums, before = [0.0, 0], 0
    for line in lines:
        if line["epoch"] == lines[-1]["epoch"]:
            sums = [sums[0] + line["train_loss"] * (line["step"] - before), sums[1] + line["step"] - before]
        before = line["step"]
    return sums[0] / sums[1]


def measured(options, method, seed):
    """Of one run: top-1, and means over the windows in the second half of training."""
    run = folder(options, method, seed)
    if not (run / "summary.json").exists():
        return None
    summary = json.loads((run / "summary.json").read_text())
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    windows = [line for line in lines if "oscillating_share" in line and 2 * line["step"] > summary["steps"]]
    result = {
        "top-1 %": summary["eval_top1"], "train loss": train_loss(lines), "test loss": summary["eval_loss"]}
    for key, heading, factor in MEASURES:
        result[heading] = factor * statistics.mean(line[key] for line in windows)
    return result


def cell(values, heading):
    decimals = dict(PAIRED).get(heading, 2)
    spread = f" ± {statistics.stdev(values):.{decimals}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{decimals}f}{spread}"


def difference(values, decimals):
    """The mean of paired differences with half its 95 % interval; in bold where that leaves out zero."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return f"{mean:+.{decimals}f}"
    half = STUDENT_T[min(len(values) - 1, len(STUDENT_T) - 1)] * statistics.stdev(values) / len(values) ** 0.5
    text = f"{mean:+.{decimals}f} ± {half:.{decimals}f}"
    return f"**{text}**" if abs(mean) > half else text


def main():
    options = parse()
    deadline = time.monotonic() + 60 * options.minutes
    with ThreadPoolExecutor(options.jobs) as pool:
        for seed in options.seeds:
            for method in options.methods:
                pool.submit(train, options, method, seed, deadline)
    runs = {
        (method, seed): run for method in options.methods for seed in options.seeds
        if (run := measured(options, method, seed))}
    headings = ["top-1 %", "train loss", "test loss"] + [heading for _, heading, _ in MEASURES]
    print("| method | seeds | " + " | ".join(headings) + " |")
    print("|---|---|" + "---|" * len(headings))
    for method in options.methods:
        own = [runs[method, seed] for seed in options.seeds if (method, seed) in runs]
        if own:
            cells = [cell([run[heading] for run in own], heading) for heading in headings]
            print(f"| `{method}` | {len(own)} | " + " | ".join(cells) + " |")
    print(f"\n| less `{options.baseline}`, pair by pair | pairs | " + " | ".join(name for name, _ in PAIRED) + " |")
    print("|---|---|" + "---|" * len(PAIRED))
    for method in options.methods:
        pairs = [
            (runs[method, seed], runs[options.baseline, seed]) for seed in options.seeds
            if method != options.baseline and (method, seed) in runs and (options.baseline, seed) in runs]
        if pairs:
            cells = [difference([own[name] - base[name] for own, base in pairs], decimals) for name, decimals in PAIRED]
            print(f"| `{method}` | {len(pairs)} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
