"""What the comparisons of TetraJet with PyTorch share: their options, running a command and reading its JSON, the table."""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

# The scripts that are PyTorch's side.
PYTORCH = Path(__file__).resolve().parent / "pytorch"


class RunFailed(Exception):
    """Ends the comparison; its text is one line."""


def comparison_parser(description):
    """A parser with the options of every comparison."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable, help="an interpreter with requirements.txt installed")
    parser.add_argument("--tetrajet", default=".build/release/tetrajet", help="the built command")
    return parser


def round_names(count):
    """What each round is called on stderr."""
    if count < 1:
        raise RunFailed(f"--rounds is {count}; it must be at least 1")
    return [f"round {index + 1} of {count}" for index in range(count)]


def run(name, command, threads, needed, count):
    """The JSON objects that a command prints, one a line.

    Each of the `count` objects must hold a number under each `needed` key, and say under `threads` that it was measured with
    as many as asked for: otherwise the ratio would be of two different things.
    """
    text = " ".join(command)
    print(f"{name}: {text}", file=sys.stderr, flush=True)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise RunFailed(f"cannot start '{text}': {error.strerror}") from None
    if done.returncode != 0:
        complaint = done.stderr.strip().splitlines() or ["nothing on stderr"]
        raise RunFailed(f"'{text}' ended with status {done.returncode}: {complaint[-1]}")
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if len(lines) != count:
        raise RunFailed(f"'{text}' printed {len(lines)} JSON lines, expected {count}")
    try:
        results = [json.loads(line) for line in lines]
    except json.JSONDecodeError as error:
        raise RunFailed(f"'{text}' printed a line that is not JSON ({error})") from None
    for result in results:
        if result.get("bench") == "step-profile":
            continue  # Parts of the step in a line before them.
        if missing := [key for key in (*needed, "threads") if not isinstance(result.get(key), (int, float))]:
            raise RunFailed(f"'{text}' printed no number under {', '.join(missing)}")
        if result["threads"] != threads:
            raise RunFailed(f"'{text}' ran with {result['threads']} threads, asked for {threads}")
    return results


def median(results, key):
    return statistics.median(result[key] for result in results)


def ratios(ours, theirs, key):
    """Round by round, so that a machine that slows down for a while slows both sides of a ratio."""
    return [a[key] / b[key] for a, b in zip(ours, theirs)]


def with_range(values):
    """The median and the range, as text."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def print_table(head, rows):
    """A Markdown table, columns padded."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, ["-" * width for width in widths], *rows]:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |")


def end_in_one_line(main, name):
    """Runs a comparison; the first run that fails ends it with one line on stderr and exit status 1."""
    try:
        main()
    except RunFailed as failure:
        sys.exit(f"{name}: {failure}")
