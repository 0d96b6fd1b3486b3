"""A long training that is killed every few minutes: does it lose steps, does its memory grow?

    python Benchmarks/soak.py --minutes 120 --data CIFAR10 [--method tetrajet+qema] [--threads 1]

Trains Recipes/cifar10.yaml for more epochs than will be reached, with a checkpoint every --steps steps. After a random time of
--least to --most seconds the process is killed (SIGKILL; now and then SIGTERM, which must end it with 143) and resumed. Printed
is a line a life: the step at which it was killed, that of the checkpoint it went on from, the steps lost, and the slope of its
resident memory over time after the first minute, by least squares with its standard error. Then:

- no life may lose steps before its last checkpoint: it must go on at the step that the checkpoint holds;
- every step of metrics.jsonl stands there once, in order, also after the last kill;
- a second run, never killed, must have the same weights_sha256 at the evaluations of its first --check epochs.

The exit status is 1 where one of these fails; memory is reported, and judged by who reads it. Linux only (/proc).
"""

import argparse
import json
import math
import random
import re
import shutil
import signal
import statistics
import struct
import subprocess
import sys
import time
from pathlib import Path

from run_folder import metrics

RECIPE = Path(__file__).resolve().parent.parent / "Recipes" / "cifar10.yaml"


def checkpoint_step(run):
    """The step of the newest checkpoint; None before the first. Between two renames only the older one is there."""
    for name in ("resume.safetensors", "resume.previous.safetensors"):
        try:
            with open(run / name, "rb") as file:
                length = struct.unpack("<Q", file.read(8))[0]
                return int(json.loads(file.read(length))["__metadata__"]["step"])
        except FileNotFoundError:
            continue
    return None


def resident(pid):
    """Resident memory in MiB; None once the process is gone."""
    try:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return None
    return int(found[1]) / 1024 if found else None


def slope(samples):
    """MiB a minute by least squares, and its standard error."""
    if len(samples) < 3:
        return math.nan, math.nan
    times, values = [t / 60 for t, _ in samples], [m for _, m in samples]
    middle, mean = statistics.fmean(times), statistics.fmean(values)
    spread = sum((t - middle) ** 2 for t in times)
    rate = sum((t - middle) * (m - mean) for t, m in zip(times, values)) / spread
    rest = sum((m - mean - rate * (t - middle)) ** 2 for t, m in zip(times, values))
    return rate, math.sqrt(rest / (len(values) - 2) / spread)


def live(command, seconds, how, log):
    """Runs a life of so many seconds, and ends it. Returns its samples of (seconds, MiB) and its exit status."""
    process = subprocess.Popen(command, stdout=log, stderr=log)
    start, samples = time.monotonic(), []
    while (age := time.monotonic() - start) < seconds and process.poll() is None:
        if age > 60 and (memory := resident(process.pid)):
            samples.append((age, memory))
        time.sleep(min(1, max(0, seconds - age)))
    if process.poll() is None:
        process.send_signal(how)
        return samples, process.wait()
    sys.exit(f"the run ended by itself with {process.returncode}: see the log")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--data", required=True)
    parser.add_argument("--method", default="tetrajet+qema")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=25, help="steps between checkpoints")
    parser.add_argument("--least", type=float, default=90)
    parser.add_argument("--most", type=float, default=300)
    parser.add_argument("--check", type=int, default=2, help="epochs of the second run")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--output", type=Path, default=Path("runs/soak"))
    parser.add_argument("--tetrajet", default=".build/release/tetrajet")
    options = parser.parse_args()

    random.seed(options.seed)
    shutil.rmtree(options.output, ignore_errors=True)
    options.output.mkdir(parents=True)
    run, twin = options.output / "killed", options.output / "whole"
    threads = ["--threads", str(options.threads)]
    first = [
        options.tetrajet, "train", str(RECIPE), "--data", options.data, "--method", options.method, *threads,
        "--epochs", "100000", "--set", f"checkpoint.every_steps={options.steps}", "--set", "training.log_every=10",
        # A cache that fills for an epoch would look like a leak in lives of minutes.
        "--set", "data.cache_megabytes=0",
    ]
    again = [options.tetrajet, "train", "--resume", str(run), *threads]
    failures, lost_steps, slopes, peaks = [], [], [], []
    end = time.monotonic() + 60 * options.minutes
    print("life  seconds  how      killed at  checkpoint  lost  resident MiB  slope MiB/min", flush=True)
    with open(options.output / "log.txt", "w") as log:
        life = 0
        while time.monotonic() < end:
            # Every fifth life may say goodbye.
            how = signal.SIGTERM if life % 5 == 4 else signal.SIGKILL
            seconds = min(random.uniform(options.least, options.most), max(5, end - time.monotonic()))
            before = checkpoint_step(run) if life else None
            samples, status = live(again if life else first + ["--output", str(run)], seconds, how, log)
            if status != (143 if how == signal.SIGTERM else -signal.SIGKILL):
                failures.append(f"life {life} ended with {status} after {how.name}")
            reached, saved = metrics(run)[-1]["step"], checkpoint_step(run)
            if before is not None:
                log.flush()
                found = re.findall(r"resumed at step (\d+)", (options.output / "log.txt").read_text())
                if not found or int(found[-1]) != before:
                    failures.append(f"life {life} went on at {found[-1:]} and not at the checkpoint's {before}")
            lost = max(0, reached - saved)
            rate, error = slope(samples)
            middle = statistics.median(m for _, m in samples) if samples else math.nan
            print(
                f"{life:4}  {seconds:7.0f}  {how.name}  {reached:9}  {saved:10}  {lost:4}  {middle:12.1f}  "
                f"{rate:+.3f} ± {error:.3f}", flush=True)
            lost_steps.append(lost)
            if len(samples) > 30:
                slopes.append((rate, error))
                peaks.append(middle)
            life += 1
        steps = [line["step"] for line in metrics(run)]
        kept = [step for step in steps if step <= checkpoint_step(run)]
        if kept != sorted(set(kept)):
            failures.append("metrics.jsonl holds a step twice or out of order")
        hashes = {line["epoch"]: line["weights_sha256"] for line in metrics(run) if "weights_sha256" in line}
        # Never killed, and stopped once its epochs are there.
        process = subprocess.Popen(first + ["--output", str(twin)], stdout=log, stderr=log)
        while process.poll() is None:
            time.sleep(1)
            done = [line for line in metrics(twin) if "weights_sha256" in line]
            if len(done) >= options.check:
                process.terminate()
                process.wait()
        for line in done:
            if hashes.get(line["epoch"]) != line["weights_sha256"]:
                failures.append(f"after epoch {line['epoch']} the weights are not those of the run that was never killed")
    print(
        f"\n{life} lives, {steps[-1]} steps, {len(hashes)} evaluations; steps lost to kills: "
        f"{sum(lost_steps)} in all, {max(lost_steps)} at most, checkpoints every {options.steps}")
    if len(slopes) > 1:
        # Memory rises and falls with checkpoints and detections, so that samples of one life are not independent: the error
        # of the mean slope is taken from how the lives differ.
        rates = [rate for rate, _ in slopes]
        print(
            f"memory: {statistics.median(peaks):.1f} MiB resident (median of {len(slopes)} lives, {min(peaks):.1f} to "
            f"{max(peaks):.1f}); slope {statistics.fmean(rates):+.2f} ± {statistics.stdev(rates) / math.sqrt(len(rates)):.2f} "
            "MiB a minute")
    print(f"the weights of the first {len(done)} evaluations: " + ("the same" if not failures else "see below"))
    for failure in failures:
        print(f"FAILED: {failure}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
