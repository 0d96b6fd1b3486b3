"""Measures what ranks on several hosts spend on each other, against the model of `cluster_plan.py`.

    sudo python Benchmarks/ranks_on_networks.py [--tetrajet .build/mpi/release/tetrajet] [--hosts 2 4] [--gbit 1 10]
        [--latency 0 0.0001 0.001] [--steps 0.2 1]

Hosts are network namespaces of this machine, whose links iproute2's `tc` holds to a rate; each rank has one thread. MPICH
and iproute2 must be there, and tetrajet must be built with MPICH. First the exchange alone, for DeiT-T and DeiT-S; then whole
steps of a DeiT-T on two hosts: by the slowest links the backward pass cannot hide the exchange. Links without a latency of
their own lead to a bridge, those with one to a process (`delayed_links.py`), which at 10 Gbit/s is the bottleneck.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cluster_plan
import delayed_links

NETWORK = "10.77.0"
BRIDGE = "tetrajet0"
# What tc lets through at once, in seconds, and bytes at most: a token bucket is filled by a timer that may come late where the
# processors are busy.
BURST_SECONDS, MOST_BURST = 5e-3, 1 << 20
# Bytes of a packet where a process carries them, and what of it is payload.
DELAYED_MTU = 9000
DELAYED_PAYLOAD = (DELAYED_MTU - 52) / DELAYED_MTU
# That process.
carrier = None
MODELS = {"DeiT-T": "deit_tiny_patch16_224", "DeiT-S": "deit_small_patch16_224"}


def run(command, check=True):
    return subprocess.run(command, shell=True, check=check, capture_output=True, text=True).stdout


def name(host):
    return f"tetrajet-{host}"


def take_down():
    global carrier
    if carrier:
        carrier.kill()
        carrier = None
    for host in range(8):
        run(f"ip link del {name(host)}", check=False)
        run(f"ip netns del {name(host)}", check=False)
    run(f"ip link del {BRIDGE}", check=False)


def set_up(hosts, gbit, latency=0):
    """Hosts on a bridge, each with an address, and a link of a rate; this machine is there, too. With a latency of seconds,
    a process is there instead of the bridge."""
    global carrier
    take_down()
    if latency:
        mtu = f"mtu {DELAYED_MTU} txqueuelen 5000"
        devices = {254: delayed_links.open_device(BRIDGE)}
    else:
        mtu = ""
        run(f"ip link add {BRIDGE} type bridge")
    run(f"ip addr add {NETWORK}.254/24 dev {BRIDGE} && ip link set {BRIDGE} {mtu} up")
    for host in range(hosts):
        space = name(host)
        run(f"ip netns add {space}")
        if latency:
            devices[host + 1] = delayed_links.open_device(space)
            run(f"ip link set {space} netns {space} name eth0")
        else:
            run(f"ip link add {space} type veth peer name eth0 netns {space} && ip link set {space} master {BRIDGE} up")
        run(f"ip -n {space} addr add {NETWORK}.{host + 1}/24 dev eth0")
        run(f"ip -n {space} link set eth0 {mtu} up && ip -n {space} link set lo up")
        # A bucket without queues for each connection: what TCP puts into it ahead holds up all the others.
        run(f"ip netns exec {space} sysctl -qw net.ipv4.tcp_limit_output_bytes=131072")
        burst = min(int(gbit * 1e9 / 8 * BURST_SECONDS), MOST_BURST)
        run(f"ip netns exec {space} tc qdisc add dev eth0 root tbf rate {int(gbit * 1e6)}kbit burst {burst} latency 100ms")
    if latency:
        carrier = delayed_links.start_carrying(devices, latency)


def start(hosts, launcher, tetrajet, *arguments):
    """The lines of JSON that a command prints which mpirun starts on all hosts."""
    addresses = ",".join(f"{NETWORK}.{host + 1}" for host in range(hosts))
    command = [
        "mpirun.mpich", "-launcher", "ssh", "-launcher-exec", launcher, "-localhost", f"{NETWORK}.254",
        "-hosts", addresses, "-n", str(hosts), tetrajet, *arguments, "--threads", "1", "--json",
    ]  # fmt: skip
    environment = dict(os.environ, UCX_TLS="tcp,self", UCX_NET_DEVICES="eth0")
    # MPICH's launcher now and then loses a host at the start.
    for _ in range(5):
        try:
            done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
        except subprocess.TimeoutExpired:
            continue
        if done.returncode == 0:
            return [json.loads(line) for line in done.stdout.splitlines()]
    sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tetrajet", default=".build/mpi/release/tetrajet")
    parser.add_argument("--hosts", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--gbit", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--latency", type=float, nargs="+", default=[0], help="seconds on the way from host to host")
    parser.add_argument("--steps", type=float, nargs="*", default=[0.2, 0.5, 1])
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    tetrajet = str(Path(arguments.tetrajet).resolve())
    with tempfile.TemporaryDirectory() as folder:
        # What mpirun calls instead of ssh: OPTIONS HOST COMMAND.
        launcher = Path(folder) / "launcher"
        launcher.write_text(
            '#!/bin/bash\nwhile [[ $1 == -* ]]; do shift; done\nhost=$(( ${1##*.} - 1 ))\nshift\n'
            'exec ip netns exec "tetrajet-$host" sh -c "$*"\n'
        )
        launcher.chmod(0o755)
        try:
            measure(arguments, str(launcher), tetrajet)
        finally:
            take_down()


def measure(arguments, launcher, tetrajet):
    print(
        "| model | ranks | Gbit/s | latency, ms | agreement, ms | exchange, ms | model, ms | ratio |\n"
        "|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    for gbit, latency in itertools.product(arguments.gbit, arguments.latency):
        for hosts in arguments.hosts:
            set_up(hosts, gbit, latency)
            for model, preset in MODELS.items():
                lines = [
                    start(hosts, launcher, tetrajet, "bench", "exchange", "--model", preset)[0]
                    for _ in range(arguments.rounds)
                ]
                seconds = statistics.median(line["seconds"] for line in lines)
                agreement = statistics.median(line["agreement_seconds"] for line in lines)
                payload = DELAYED_PAYLOAD if latency else cluster_plan.PAYLOAD
                predicted = cluster_plan.exchange(lines[0]["gradient_bytes"] // 4, hosts, gbit, agreement, payload)
                print(
                    f"| {model} | {hosts} | {gbit:g} | {latency * 1e3:g} | {agreement * 1e3:.2f} "
                    f"| {seconds * 1e3:.1f} | {predicted * 1e3:.1f} | {seconds / predicted:.2f} |",
                    flush=True,
                )
    if not arguments.steps:
        return
    print("\n| Gbit/s | step, ms | waiting, ms | model of waiting, ms |\n|---|---|---|---|", flush=True)
    parameters, last, _ = cluster_plan.MODELS["DeiT-T"]
    for gbit in arguments.steps:
        set_up(2, gbit)
        rows = []
        for _ in range(arguments.rounds):
            lines = start(
                2, launcher, tetrajet, "bench", "step", "--batch-size", "32", "--repeats", "3", "--profile",
            )  # fmt: skip
            parts = {line["part"]: line["milliseconds"] / 1e3 for line in lines if line["bench"] == "step-profile"}
            computing = sum(parts.values()) - parts["exchange"] - parts["optimizer"]
            backward = computing * cluster_plan.BACKWARD
            predicted = cluster_plan.exposed(parameters, last, 2, gbit, 0, backward)
            rows.append((lines[0]["seconds"], parts["exchange"], predicted))
        step, waited, predicted = (statistics.median(column) * 1e3 for column in zip(*rows))
        print(f"| {gbit:g} | {step:.0f} | {waited:.1f} | {predicted:.1f} |", flush=True)


if __name__ == "__main__":
    main()
