"""Vectors of a layer of the method int4-xi, computed by NumPy in double precision from its definition alone.

    python Benchmarks/int4_xi_vectors.py >Tests/Golden/int4_xi.json

The group that is chosen, the steps that it starts from, and forward pass and exact gradient at other steps, under which some numbers lie
beyond the codes.
"""

import json

import numpy as np

LEAST, LARGEST = -8, 7


def rotation(columns, group):
    h = np.ones((1, 1))
    while len(h) < group:
        h = np.block([[h, h], [h, -h]])
    return np.kron(np.eye(columns // group), h / np.sqrt(group))


def first_step(t):
    return 2 * np.abs(t).mean() / np.sqrt(7) + 1e-10


def codes(t, step):
    return np.clip(np.rint(t / step), LEAST, LARGEST)


def search(x, w):
    best = None
    for group in (2**k for k in range(11) if x.shape[1] % 2**k == 0):
        h = rotation(x.shape[1], group)
        error = 1.0
        for m in (x, w):
            step = first_step(m @ h)
            error *= np.linalg.norm(step * codes(m @ h, step) @ h - m)
        if best is None or error < best[0]:
            best = (error, group)
    return best[1]


def backward(t, step, gradient):
    u = t / step
    inside = (u >= LEAST) & (u <= LARGEST)
    delta = np.where(inside, np.rint(u) - u, np.where(u < LEAST, LEAST, LARGEST))
    return inside * gradient, (delta * gradient).sum() / np.sqrt(7 * t.size)


random = np.random.default_rng(21)
cases = []
for n, d, c, outliers in [(6, 8, 5, 0), (9, 48, 7, 3), (5, 6, 4, 1)]:
    x, w, b, dy = (random.standard_normal(s).astype(np.float32) for s in [(n, d), (c, d), (c,), (n, c)])
    # Channels that are larger than the others are what rotations are for.
    x[:, :outliers] *= 20
    x64, w64, dy64 = (m.astype(np.float64) for m in (x, w, dy))
    group = search(x64, w64)
    h = rotation(d, group)
    tx, tw = x64 @ h, w64 @ h
    first = [first_step(tx), first_step(tw)]
    steps = [np.float32(0.5 * first[0]), np.float32(0.7 * first[1])]
    sx, sw = (float(s) for s in steps)
    qx, qw = codes(tx, sx), codes(tw, sw)
    dtx, dsx = backward(tx, sx, dy64 @ qw * sw)
    dtw, dsw = backward(tw, sw, dy64.T @ qx * sx)
    case = dict(n=n, d=d, c=c, group=group, x=x, w=w, b=b, dy=dy, first=np.array(first), steps=np.array(steps))
    case |= dict(y=sx * sw * qx @ qw.T + b, dx=dtx @ h, dw=dtw @ h, ds=np.array([dsx, dsw]), db=dy64.sum(0))
    cases.append({k: v if isinstance(v, int) else [float(f"{t:.9g}") for t in np.ravel(v)] for k, v in case.items()})
print(json.dumps(cases))
