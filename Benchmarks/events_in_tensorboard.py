"""Does TensorBoard read what a run wrote? Reads a run's event files with TensorBoard's own readers, and compares all of it with
metrics.jsonl.

    tetrajet train --data digits --set training.tensorboard=true --output RUN
    python Benchmarks/events_in_tensorboard.py RUN        (needs: pip install tensorboard)

Every number of every line must be there once, at its step, rounded to single precision (a number that is not finite is null in
the metrics); every histogram with its counts in bins of one twentieth. Nothing else may be there. Then the same through the
reader that TensorBoard's pages use, which turns histograms into (left, right, count): left and right must be the bins' edges.
The exit status is 1 if anything differs.
"""

import argparse
import json
import math
import struct
import sys
from collections import defaultdict
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator as PageAccumulator
from tensorboard.util import tensor_util

OF_TRAINING = {"epoch", "learning_rate", "images_per_second", "loader_wait_share"}
# Keys of histograms over all weights, and their tags.
HISTOGRAMS = {"confidence_histogram": "confidence/all", "latent_histogram": "latent/all"}


class CheckFailed(Exception):
    pass


def single(value):
    """A number in single precision; NaN for null."""
    return math.nan if value is None else struct.unpack("f", struct.pack("f", value))[0]


def tag(key):
    """The tag of a number by its key in the metrics."""
    for group in ("train", "eval_average", "eval"):
        if key.startswith(group + "_"):
            return f"{group}/{key.removeprefix(group + '_')}"
    return f"train/{key}" if key in OF_TRAINING else f"oscillation/{key}"


def values(line):
    """(tag, number or list of counts) of a line of metrics."""
    for key, value in line.items():
        if key in ("step", "trajectories", "weights_sha256"):
            continue
        if key in HISTOGRAMS:
            yield HISTOGRAMS[key], value
        elif key == "confidence_layers":
            for layer in value:
                yield f"confidence/{layer['name']}", layer["histogram"]
                yield f"confidence_mean/{layer['name']}", single(layer["mean"])
        elif isinstance(value, dict):
            yield from ((f"{key}/{name}", single(number)) for name, number in value.items())
        elif isinstance(value, list):
            raise CheckFailed(f"step {line['step']}: {key} is a list that this check does not know")
        else:
            yield tag(key), single(value)


def expected(run):
    """Scalars and histograms of the metrics: tag -> [(step, value)]."""
    scalars, histograms = defaultdict(list), defaultdict(list)
    for text in (run / "metrics.jsonl").read_text().splitlines():
        line = json.loads(text)
        for name, value in values(line):
            (histograms if isinstance(value, list) else scalars)[name].append((line["step"], value))
    return scalars, histograms


def same(a, b):
    return a == b or (isinstance(a, float) and math.isnan(a) and not math.isfinite(b))


def compare(kind, expected, found):
    """Raises where the series of a tag are not the same."""
    if set(expected) != set(found):
        raise CheckFailed(f"{kind}: missing {sorted(set(expected) - set(found))}, extra {sorted(set(found) - set(expected))}")
    for name, series in expected.items():
        steps, found_steps = [step for step, _ in series], [step for step, _ in found[name]]
        if steps != found_steps:
            at = next((i for i, pair in enumerate(zip(steps, found_steps)) if pair[0] != pair[1]), min(len(steps), len(found_steps)))
            raise CheckFailed(
                f"{kind} {name}: {len(found_steps)} events, not {len(steps)}; from the {at + 1}. on at steps "
                f"{found_steps[at:at + 3]}, not {steps[at:at + 3]}"
            )
        for (step, value), (_, other) in zip(series, found[name]):
            if not same(value, other):
                raise CheckFailed(f"{kind} {name}, step {step}: {other}, not {value}")


def edges(name, count):
    """The ends of a histogram's bins: of latent weights by their scale, or of confidences."""
    low, high = (-8, 8) if name == "latent/all" else (0, 1)
    return [low + bin / count * (high - low) for bin in range(count + 1)]


def shown_bins(name, counts):
    """What a page shows of a histogram: (left, right, count) without the empty bins at both ends."""
    ends = edges(name, len(counts))
    full = [bin for bin, count in enumerate(counts) if count > 0]
    bins = range(full[0], full[-1] + 1) if full else range(0)
    return [(single(ends[bin]), single(ends[bin + 1]), float(counts[bin])) for bin in bins]


def check(run):
    files = sorted(run.glob("events.out.tfevents.*"))
    if not files:
        raise CheckFailed(f"{run} has no event files; train with --set training.tensorboard=true")
    scalars, histograms = expected(run)

    # 0: keep everything. Nothing is purged here either: events that stand there twice must be seen.
    events = EventAccumulator(str(run), {"scalars": 0, "histograms": 0}, purge_orphaned_data=False).Reload()
    compare("scalar", scalars, {name: [(e.step, e.value) for e in events.Scalars(name)] for name in events.Tags()["scalars"]})
    found = {}
    for name in events.Tags()["histograms"]:
        found[name] = [(e.step, [int(count) for count in e.histogram_value.bucket]) for e in events.Histograms(name)]
        for event in events.Histograms(name):
            limits = event.histogram_value.bucket_limit
            if limits != edges(name, len(limits))[1:]:
                raise CheckFailed(f"histogram {name}, step {event.step}: its bins end at {limits}")
    compare("histogram", histograms, found)

    pages = PageAccumulator(str(run), {"tensors": 0}, purge_orphaned_data=False).Reload()
    shown = {name: [(e.step, tensor_util.make_ndarray(e.tensor_proto)) for e in pages.Tensors(name)] for name in pages.Tags()["tensors"]}
    compare("scalar on the page", scalars, {n: [(step, float(v)) for step, v in s] for n, s in shown.items() if n not in histograms})
    compare(
        "histogram on the page",
        {name: [(step, shown_bins(name, counts)) for step, counts in series] for name, series in histograms.items()},
        {n: [(step, [(single(a), single(b), float(c)) for a, b, c in v]) for step, v in s] for n, s in shown.items() if n in histograms},
    )

    count = {kind: sum(map(len, series.values())) for kind, series in (("scalars", scalars), ("histograms", histograms))}
    size = sum(file.stat().st_size for file in files)
    print(
        f"{run}: {len(files)} event files, {size} bytes: {count['scalars']} scalars of {len(scalars)} tags and "
        f"{count['histograms']} histograms of {len(histograms)} tags are those of metrics.jsonl"
    )


def main():
    parser = argparse.ArgumentParser(description="compares a run's event files, as TensorBoard reads them, with its metrics")
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run folder")
    for run in parser.parse_args().runs:
        check(run)


if __name__ == "__main__":
    try:
        main()
    except (CheckFailed, OSError) as failure:
        sys.exit(f"events_in_tensorboard: {failure}")
