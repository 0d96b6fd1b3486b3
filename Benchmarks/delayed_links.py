"""Links that keep every packet for a while, where the kernel has no netem: TUN devices, and a process that carries packets
from one to the other. It carries about 5 Gbit/s; the rate below that is tc's."""

import collections
import ctypes
import fcntl
import multiprocessing
import os
import select
import struct
import time

# ioctl and flags of linux/if_tun.h; prctl's option of linux/prctl.h.
TUNSETIFF, IFF_TUN, IFF_NO_PI, PR_SET_TIMERSLACK = 0x400454CA, 0x0001, 0x1000, 29


def open_device(name):
    """A new TUN device in this network namespace, which `ip link set … netns` may move: the descriptor goes with it."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return descriptor


def carry(devices, seconds):
    """Carries packets between devices, {last byte of the address: descriptor}, so many seconds late; for ever."""
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0)
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    waiting = collections.deque()
    while True:
        timeout = max(0, waiting[0][0] - time.monotonic()) if waiting else None
        for device in select.select(list(devices.values()), [], [], timeout)[0]:
            # A few of each at a time: what waits must not be late.
            for _ in range(16):
                try:
                    packet = os.read(device, 65536)
                except BlockingIOError:
                    break
                waiting.append((time.monotonic() + seconds, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            packet = waiting.popleft()[1]
            # IPv4 alone; the address that it is for ends with its byte 19.
            device = devices.get(packet[19]) if packet[0] >> 4 == 4 else None
            if device is not None:
                os.write(device, packet)


def start_carrying(devices, seconds):
    """The process that does so."""
    process = multiprocessing.get_context("fork").Process(target=carry, args=(devices, seconds), daemon=True)
    process.start()
    for device in devices.values():
        os.close(device)
    return process
