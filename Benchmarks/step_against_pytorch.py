"""TetraJet's training step against PyTorch's on this machine, in turn, each run a fresh process.

    swift build -c release
    python Benchmarks/step_against_pytorch.py --model deit_tiny_patch16_224 --batch 32 --threads 2

Compared are fp32 with fp32, 4-bit training with PyTorch's fp32 and bf16, and 4-bit training with its simulation in PyTorch.
The two of a pair take turns (A B A B ...), and the ratio is the median of the ratios round by round: a machine that slows down
for a while slows both. Both inherit the environment: with glibc, MALLOC_MMAP_THRESHOLD_=4294967296 and
MALLOC_TRIM_THRESHOLD_=8589934592 let PyTorch keep the memory it frees between operations, which can gain it 10 to 20 %.
The first run that fails ends everything with one line on stderr and exit status 1.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

TRAIN_STEP = Path(__file__).resolve().parent / "pytorch" / "train_step.py"
# (TetraJet's method, PyTorch's method)
PAIRS = (("fp32", "fp32"), ("tetrajet", "fp32"), ("tetrajet", "bf16"), ("tetrajet", "tetrajet"))
LABELS = {"tetrajet": "tetrajet, simulated"}
NEEDED = ("images_per_second", "peak_memory_mb", "threads")


class RunFailed(Exception):
    pass


def run(command, threads):
    """The JSON object that a command prints as its only JSON line."""
    text = " ".join(map(str, command))
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise RunFailed(f"cannot start '{text}': {error.strerror}") from None
    if done.returncode != 0:
        complaint = done.stderr.strip().splitlines() or ["nothing on stderr"]
        raise RunFailed(f"'{text}' ended with status {done.returncode}: {complaint[-1]}")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if len(lines) != 1:
        raise RunFailed(f"'{text}' printed {len(lines)} JSON lines, expected 1")
    try:
        result = json.loads(lines[0])
    except json.JSONDecodeError as error:
        raise RunFailed(f"'{text}' printed a line that is not JSON ({error})") from None
    if missing := [key for key in NEEDED if not isinstance(result.get(key), (int, float))]:
        raise RunFailed(f"'{text}' printed no number under {', '.join(missing)}")
    if result["threads"] != threads:
        raise RunFailed(f"'{text}' ran with {result['threads']} threads, asked for {threads}")
    return result


def compare(ours, theirs, threads, rounds, announce):
    """Both commands in turn, `rounds` times; returns their results, one list each."""
    results = ([], [])
    for index in range(rounds):
        for command, side in zip((ours, theirs), results):
            announce(f"round {index + 1} of {rounds}: {' '.join(map(str, command))}")
            side.append(run(command, threads))
    return results


def table_row(pair, ours, theirs):
    """One line of the table: medians, and the median ratio with its range over the rounds."""

    def median(results, key):
        return statistics.median(result[key] for result in results)

    ratios = [a["images_per_second"] / b["images_per_second"] for a, b in zip(ours, theirs)]
    return [
        pair[0],
        LABELS.get(pair[1], pair[1]),
        f"{median(ours, 'images_per_second'):.2f}",
        f"{median(theirs, 'images_per_second'):.2f}",
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        f"{median(ours, 'peak_memory_mb'):.0f}",
        f"{median(theirs, 'peak_memory_mb'):.0f} ({median(theirs, 'import_memory_mb'):.0f} from imports)",
    ]


def print_table(rows):
    """A Markdown table, columns padded."""
    head = ["TetraJet", "PyTorch", "TetraJet images/s", "PyTorch images/s", "ratio (range)", "TetraJet peak MB", "PyTorch peak MB"]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")


def main():
    parser = argparse.ArgumentParser(description="TetraJet's training step against PyTorch's")
    parser.add_argument("--model", default="deit_tiny_patch16_224")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10, help="PyTorch's timed steps a run")
    parser.add_argument("--warmup", type=int, default=2, help="PyTorch's steps before those")
    parser.add_argument("--python", default=sys.executable, help="an interpreter with requirements.txt installed")
    parser.add_argument("--tetrajet", default=".build/release/tetrajet", help="the built command")
    args = parser.parse_args()

    shape = ["--model", args.model, "--batch", str(args.batch), "--threads", str(args.threads)]
    steps = ["--steps", str(args.steps), "--warmup", str(args.warmup)]

    def announce(line):
        print(line, file=sys.stderr, flush=True)

    rows, isa, torch_version = [], "unknown", "unknown"
    for pair in PAIRS:
        ours, theirs = compare(
            [args.tetrajet, "bench", "step", *shape, "--method", pair[0], "--json"],
            [args.python, str(TRAIN_STEP), *shape, "--method", pair[1], *steps],
            args.threads,
            args.rounds,
            announce,
        )
        rows.append(table_row(pair, ours, theirs))
        isa, torch_version = ours[0].get("isa", isa), theirs[0].get("torch", torch_version)

    print(f"{args.model}, batch {args.batch}, {args.threads} threads, {args.rounds} rounds;", end=" ")
    print(f"TetraJet on {isa}, PyTorch {torch_version}")
    print_table(rows)


if __name__ == "__main__":
    try:
        main()
    except RunFailed as failure:
        sys.exit(f"step_against_pytorch: {failure}")
