"""Vectors of the method int4, computed by NumPy from its definition alone.

    python Benchmarks/int4_vectors.py >Tests/Golden/int4.json

One linear layer, forward and backward, with the gradient rounded to the nearest. Every number of the layer is one that NumPy
rounds to single precision once: integer sums are exact, and so the results must agree to the bit.
"""

import json

import numpy as np

single = np.float32


def quantized(x):
    """Codes from -7 to 7, ties to the even one, and the scale of the tensor."""
    largest = np.abs(x).max()
    scale = single(1) if largest == 0 else single(largest / single(7))
    return np.clip(np.rint(x / scale), -7, 7).astype(np.int64), scale


def layer(x, w, b, dy, dw):
    (qx, sx), (qw, sw), (qg, sg) = quantized(x), quantized(w), quantized(dy)
    scaled = lambda sums, scale: sums.astype(single) * scale
    return {
        "y": scaled(qx @ qw.T, sx * sw) + b,
        "dx": scaled(qg @ qw, sg * sw),
        # Added to what was there.
        "dw": dw + scaled(qg.T @ qx, sg * sx),
    }


random = np.random.default_rng(20)
cases = []
for n, d, c in [(1, 4, 1), (5, 3, 2), (12, 33, 7)]:
    normal = lambda *shape: random.standard_normal(shape).astype(single)
    x, w, b, dy, dw = normal(n, d), normal(c, d), normal(c), normal(n, c), np.zeros((c, d), single)
    if n == 1:
        # By hand: scales 8/7 and 1/7, which is rounded up, codes 7 0 0 0 and 3 (of just below 3.5) -7 2 5.
        x, w = single([[8, 0.2, -0.1, 0.3]]), single([[0.5, -1, 0.25, 0.75]])
    case = {"n": n, "d": d, "c": c, "x": x, "w": w, "b": b, "dy": dy, **layer(x, w, b, dy, dw)}
    # Single precision has nine digits at most.
    cases.append({k: v if isinstance(v, int) else [float(f"{t:.9g}") for t in v.ravel()] for k, v in case.items()})
print(json.dumps(cases))
