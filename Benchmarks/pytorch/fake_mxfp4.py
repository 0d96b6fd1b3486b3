"""MXFP4 training simulated in PyTorch: quantize, de-quantize, multiply in single precision.

This is the rival that TetraJet is measured against, written the way such simulations are written (plain eager operations,
no custom kernels), and a second implementation that TetraJet can be compared with.

    model = timm.create_model("deit_tiny_patch16_224")
    quantize_linears(model, "tetrajet")          # fp32 | microscaling | tetrajet

Letters: N rows (batch x tokens), D inputs, C outputs; X [N, D], W [C, D], Y and dY [N, C].
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

GROUP = 32
METHODS = ("fp32", "microscaling", "tetrajet")

# M = f * 2^e with 1 <= f < 2 is a group's largest magnitude, S = 2^(e - 2 + bump(f)). frexp gives f/2 and e + 1.
# truncation-free lets M/S reach 6, floor lets it come near 8 and saturates.
SCALE_BUMP = {
    "truncation-free": lambda half: half > 0.75,
    "floor": lambda half: torch.zeros_like(half, dtype=torch.bool),
}


def group_scale(largest, rule):
    """S, a power of two, for each group's largest magnitude.

    The exponent comes from frexp and S is put together from its bits: log2 and pow are rounded functions, and one unit in
    the last place there is a factor of two here. Exponents below E8M0's -127 stay there, which covers the all-zero group.
    NaN and infinity are not handled: a simulation for benchmarks has no use for scale byte 255.
    """
    half, exponent = torch.frexp(largest)
    byte = (exponent - 3 + SCALE_BUMP[rule](half) + 127).clamp_(0, 254)
    # 2^-127 is subnormal in single precision: its bits are not byte << 23.
    return torch.where(byte > 0, byte << 23, 0x0040_0000).view(torch.float32)


def fake_quantize(x, axis, rule="truncation-free", rounding="nearest-even"):
    """x rounded to MXFP4 and back, groups of 32 along `axis`; the shape stays.

    A short last group is padded with zeros, which no maximum of magnitudes can notice.
    `rounding`: "nearest-even" or "stochastic" (from torch's global generator); magnitudes above 6 S saturate.
    """
    length = x.shape[axis]
    if tail := -length % GROUP:
        x = F.pad(x, (0, 0) * (x.ndim - 1 - axis) + (0, tail))
    groups = x.unflatten(axis, (-1, GROUP))
    scale = group_scale(groups.abs().amax(axis + 1, keepdim=True), rule)

    magnitude = groups.abs() / scale
    # E2M1 is evenly spaced between powers of two: 0 ... 2 by 1/2, 2 ... 4 by 1, 4 ... 6 by 2. Even codes are even multiples.
    step = torch.where(magnitude < 2, 0.5, torch.where(magnitude < 4, 1.0, 2.0))
    multiple = magnitude / step
    if rounding == "nearest-even":
        multiple = multiple.round()
    elif rounding == "stochastic":
        # floor(multiple + u) would be shorter, but the sum rounds, and a value on the grid must stay where it is.
        lower = multiple.floor()
        multiple = lower + (torch.rand_like(multiple) < multiple - lower)
    else:
        raise ValueError(f"rounding is '{rounding}'; known are nearest-even, stochastic")
    values = (multiple * step).clamp_(max=6) * scale
    # sign, not copysign: a negative value that rounds to nothing gives -0, but -0 itself gives +0, as in the golden values.
    return (groups.sign() * values).flatten(axis, axis + 1).narrow(axis, 0, length)


@dataclass(frozen=True)
class LinearRecipe:
    """What Q1 ... Q6 do. `double`: Q4 and Q6 quantize what Q2 and Q1 made (TetraJet), not the operand itself (Microscaling)."""

    rule: str
    double: bool
    backward_rounding: str
    enabled: frozenset = frozenset(range(1, 7))

    @staticmethod
    def of(method, backward_rounding=None, enabled=range(1, 7)):
        """The recipe of a method's name; `backward_rounding` None means the method's own; `enabled`: which of Q1 ... Q6."""
        if method == "tetrajet":
            return LinearRecipe("truncation-free", True, backward_rounding or "stochastic", frozenset(enabled))
        if method == "microscaling":
            return LinearRecipe("floor", False, backward_rounding or "nearest-even", frozenset(enabled))
        raise ValueError(f"method is '{method}'; quantized methods are microscaling, tetrajet")

    def quantize(self, number, x, axis):
        """Quantizer Q<number> of x, or x itself where that quantizer is off."""
        if number not in self.enabled:
            return x
        return fake_quantize(x, axis, self.rule, "nearest-even" if number <= 2 else self.backward_rounding)


class FakeQuantizedProduct(torch.autograd.Function):
    """Y = Q1(X) Q2(W)^T + b;  dX = Q3(dY) Q4(.),  dW = Q5(dY)^T Q6(.),  db = sum of dY; gradients pass straight through."""

    @staticmethod
    def forward(ctx, x, weight, bias, recipe):
        quantized_x = recipe.quantize(1, x, 1)
        quantized_weight = recipe.quantize(2, weight, 1)
        ctx.recipe = recipe
        if recipe.double:
            ctx.save_for_backward(quantized_x, quantized_weight)
        else:
            ctx.save_for_backward(x, weight)
        return F.linear(quantized_x, quantized_weight, bias)

    @staticmethod
    def backward(ctx, dy):
        x, weight = ctx.saved_tensors
        quantize = ctx.recipe.quantize
        # Each product's groups run along the axis it sums over: C for dX, N for dW.
        dx = quantize(3, dy, 1) @ quantize(4, weight, 0)
        dw = quantize(5, dy, 0).T @ quantize(6, x, 0)
        db = dy.sum(0) if ctx.needs_input_grad[2] else None
        return dx, dw, db, None


class FakeQuantizedLinear(nn.Linear):
    """nn.Linear whose products run through a LinearRecipe. It takes over the given layer's parameters, not copies of them."""

    def __init__(self, linear, recipe):
        nn.Module.__init__(self)
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight, self.bias, self.recipe = linear.weight, linear.bias, recipe

    def forward(self, x):
        y = FakeQuantizedProduct.apply(x.reshape(-1, self.in_features), self.weight, self.bias, self.recipe)
        return y.unflatten(0, x.shape[:-1])


def quantize_linears(model, method, backward_rounding=None):
    """Replaces qkv, proj, fc1, fc2 of every block of a timm model by quantized ones, in place; returns how many."""
    if method == "fp32":
        return 0
    recipe = LinearRecipe.of(method, backward_rounding)
    # Asking for "blocks" in the path keeps the patch embedding's projection out, which is also called proj.
    chosen = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and "blocks" in name.split(".") and name.split(".")[-1] in ("qkv", "proj", "fc1", "fc2")
    ]
    if not chosen:
        raise ValueError("the model has no linear layer called qkv, proj, fc1 or fc2 inside a block")
    for name, module in chosen:
        parent, _, leaf = name.rpartition(".")
        setattr(model.get_submodule(parent), leaf, FakeQuantizedLinear(module, recipe))
    return len(chosen)
