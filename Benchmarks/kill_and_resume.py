"""Kills runs at random moments, resumes them, and compares what comes out with runs that were left alone.

    python Benchmarks/kill_and_resume.py [--kills 30] [--data digits] [--threads 2]

For every method in turn a short run is trained once in peace; a second one, with the same recipe, is killed (SIGKILL) and resumed
until its share of the kills is used up, and then finishes. Every third kill waits until a checkpoint is being written (a file
that ends in .partial) and hits that; every third one of Q-Ramping's falls, by the step that the metrics show, into a detection.
The others come after a random time. The two runs' last.safetensors must be the same bytes, and every step, loss, learning rate and
hash of weights in metrics.jsonl the same. The exit status is 1 where they are not.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from run_folder import metrics

# Periods that are not epochs: a digits epoch has 45 steps.
METHODS = {
    "fp32": ["training.average_decay=0.9"],
    "microscaling": [],
    "tetrajet": [],
    "tetrajet+qema": [],
    "tetrajet+qramping": ["qramping.update_every=20", "qramping.detection_steps=30"],
    "tetrajet+dampen": [],
    "tetrajet+freeze": ["freeze.start=0.02", "freeze.momentum=0.1"],
    "tetrajet+oscireset": ["oscireset.start=0.02", "oscireset.period=70", "oscireset.window=60"],
    "tetrajet+qema+qramping": ["qramping.update_every=50"],
    "microscaling+qema": [],
}
COMPARED = ("step", "epoch", "train_loss", "learning_rate", "eval_loss", "eval_top1", "weights_sha256")


def compared(run):
    """Of every line of the metrics what must repeat."""
    return [{key: line[key] for key in COMPARED if key in line} for line in metrics(run)]


def wait(process, condition, seconds=60):
    """Whether a condition came true while the process ran."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.0005)
    return False


def disturb(process, run, kind, duration):
    """Waits for the moment of a kill. Returns what it hit; None where the run ended first."""
    # The first checkpoint must be there: a run without one starts over, and that is another test.
    if not wait(process, (run / "resume.safetensors").exists):
        return None
    time.sleep(random.uniform(0, duration))
    if kind == "while writing":
        return kind if wait(process, lambda: any(run.glob("*.partial"))) else None
    if kind == "in a detection":
        before = metrics(run)[-1]["step"]
        # A line every step: the one before a detection is the last for a while.
        if not wait(process, lambda: (m := metrics(run)) and m[-1]["step"] > before and m[-1]["step"] % 20 == 0):
            return None
        time.sleep(random.uniform(0, 0.02))
    return kind if process.poll() is None else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30, help="in all; at least one a method")
    parser.add_argument("--data", default="digits")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--output", type=Path, default=Path("runs/kill-and-resume"))
    parser.add_argument("--tetrajet", default=".build/release/tetrajet")
    options = parser.parse_args()

    random.seed(options.seed)
    shutil.rmtree(options.output, ignore_errors=True)
    options.output.mkdir(parents=True)
    each = max(1, -(-options.kills // len(METHODS)))
    failed = total = 0
    print("method                  kills  where                                             last.safetensors  metrics")
    with open(options.output / "log.txt", "w") as log:
        for method, keys in METHODS.items():
            whole, killed = options.output / method / "whole", options.output / method / "killed"
            train = [
                options.tetrajet, "train", "--data", options.data, "--method", method, "--epochs", str(options.epochs),
                "--threads", str(options.threads), "--set", "training.log_every=1", "--set", "checkpoint.every_steps=4",
            ] + [part for key in keys for part in ("--set", key)]
            start = time.monotonic()
            subprocess.run(train + ["--output", str(whole)], stdout=log, stderr=log, check=True)
            duration = time.monotonic() - start
            process = subprocess.Popen(train + ["--output", str(killed)], stdout=log, stderr=log)
            hits = []
            while len(hits) < each:
                kind = ["at random", "while writing", "in a detection" if "qramping" in method else "at random"][len(hits) % 3]
                hit = disturb(process, killed, kind, duration / (2 * each))
                process.send_signal(signal.SIGKILL)
                process.wait()
                if hit is None:
                    # It was through before; it must not be needed again.
                    break
                hits.append(hit)
                process = subprocess.Popen(
                    [options.tetrajet, "train", "--resume", str(killed), "--threads", str(options.threads)],
                    stdout=log, stderr=log)
            if process.wait() not in (0, -signal.SIGKILL):
                sys.exit(f"{method}: a resume failed with {process.returncode}; see {options.output}/log.txt")
            if not (killed / "summary.json").exists():
                subprocess.run([options.tetrajet, "train", "--resume", str(killed)], stdout=log, stderr=log, check=True)
            same = (whole / "last.safetensors").read_bytes() == (killed / "last.safetensors").read_bytes()
            lines = compared(whole) == compared(killed)
            failed += not (same and lines)
            total += len(hits)
            where = ", ".join(f"{hits.count(kind)} {kind}" for kind in dict.fromkeys(hits))
            print(f"{method:24}{len(hits):5}  {where:50}{'same' if same else 'DIFFERENT':18}{'same' if lines else 'DIFFERENT'}", flush=True)
    print(f"{total} kills")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
