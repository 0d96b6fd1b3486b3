"""What the scripts that kill runs read of a run's folder."""

import json


def metrics(run):
    """The lines of metrics.jsonl that are whole, as objects: the last one may be cut off while the run goes on."""
    path = run / "metrics.jsonl"
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            pass
    return lines
