"""Predicts steps and whole trainings on several machines, from what was measured on one.

    python Benchmarks/cluster_plan.py [--machines 1 2 4 8] [--cores 64] [--gbit 10] [--latency 0.0001] [--price 3]

Prints Documentation/Cluster.md's tables. The model, in seconds:

    exchange  = 2 (R - 1)/R · bytes / bandwidth + 2 (chunks + 1)(R - 1) · latency
    step      = images of a rank / speed + optimizer + exposed + 3 · agreement
    exposed   = max(exchange - backward pass, the last chunk's exchange)

`Benchmarks/ranks_on_networks.py` checks the first and the third line.
"""

import argparse
import math

# Payload of an Ethernet frame of 1514 bytes under TCP with time stamps.
PAYLOAD = 1448 / 1514
# GradientExchange's bounds of a chunk, in numbers.
LEAST_CHUNK, MOST_CHUNK = 1 << 18, 1 << 19
# Two thirds of a step are its backward pass, which makes two products for one.
BACKWARD = 2 / 3

# Parameters; numbers in the embedding, which no backward pass hides; images a second on one core of an Intel Xeon (Emerald
# Rapids, half of what its two threads reach, Documentation/Models.md).
MODELS = {
    "DeiT-T": (5_717_416, 185_472, 18.8),
    "DeiT-S": (22_050_664, 370_944, 7.2),
    "DeiT-B": (86_567_656, 741_888, 2.0),
    "Swin-T": (28_288_354, 4_896, 5.4),
    "Swin-S": (49_606_258, 4_896, 3.2),
}
# Images a second that one core reads and augments by DeiT's recipe (Documentation/Data.md).
LOADER = 219
# What a core is worth where all of a machine's are at work.
SCALING = 0.85
IMAGES, EPOCHS, BATCH = 1_281_167, 90, 1024
# What AdamW reads and writes of a parameter, and the memory's speed that is assumed.
OPTIMIZER_BYTES, MEMORY = 28, 100e9


def exchange(parameters, ranks, gbit, latency, payload=PAYLOAD):
    """Seconds in which the gradients of so many parameters are added up; MPI asks before it sends a long message."""
    if ranks == 1:
        return 0.0
    chunks = math.ceil(parameters / MOST_CHUNK)
    travelled = 2 * (ranks - 1) / ranks * 4 * parameters
    return travelled * 8 / (gbit * 1e9 * payload) + 2 * (chunks + 1) * (ranks - 1) * latency


def exposed(parameters, last, ranks, gbit, latency, backward):
    """Seconds of that which the backward pass of the last micro-batch does not hide."""
    least = exchange(last, ranks, gbit, latency)
    return max(exchange(parameters, ranks, gbit, latency) - backward, least)


def step(model, machines, cores, gbit, latency, batch=BATCH, parts=1):
    """Seconds of a step, and of what it is made of, with a rank a machine and so many micro-batches a rank."""
    parameters, last, core = MODELS[model]
    speed = cores * SCALING / (1 / core + 1 / LOADER)
    compute = batch / machines / speed
    backward = compute / parts * BACKWARD
    optimizer = parameters * OPTIMIZER_BYTES / MEMORY
    waits = exposed(parameters, last, machines, gbit, latency, backward) + 3 * latency * (machines > 1)
    return compute + optimizer + waits, compute, waits


def bandwidth_needed(model, machines, cores, latency, efficiency=0.9):
    """The least Gbit/s by which a step has an efficiency."""
    alone = step(model, 1, cores, 1, latency)[0]
    gbit = 0.05
    while alone / machines / step(model, machines, cores, gbit, latency)[0] < efficiency and gbit < 400:
        gbit *= 1.02
    return gbit


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--machines", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--cores", type=int, default=64)
    parser.add_argument("--gbit", type=float, nargs="+", default=[1, 10, 25])
    parser.add_argument("--latency", type=float, default=1e-4, help="seconds of a message")
    parser.add_argument("--price", type=float, default=3, help="of a machine and hour")
    arguments = parser.parse_args()
    steps = EPOCHS * (IMAGES // BATCH)
    print("| model | machines | Gbit/s | step, s | waiting, ms | efficiency | hours | price |")
    print("|---|---|---|---|---|---|---|---|")
    for model in MODELS:
        alone = step(model, 1, arguments.cores, 1, arguments.latency)[0]
        for machines in arguments.machines:
            for gbit in arguments.gbit if machines > 1 else [0]:
                seconds, _, waits = step(model, machines, arguments.cores, gbit, arguments.latency)
                hours = seconds * steps / 3600
                network = f"{gbit:g}" if machines > 1 else ""
                print(
                    f"| {model} | {machines} | {network} | {seconds:.3f} | {waits * 1e3:.1f} "
                    f"| {alone / machines / seconds:.2f} | {hours:.1f} | {hours * machines * arguments.price:.0f} |"
                )
    print()
    print("| model | bandwidth for an efficiency of 0.9 on 4 machines, Gbit/s |")
    print("|---|---|")
    for model in MODELS:
        print(f"| {model} | {bandwidth_needed(model, 4, arguments.cores, arguments.latency):.1f} |")


if __name__ == "__main__":
    main()
