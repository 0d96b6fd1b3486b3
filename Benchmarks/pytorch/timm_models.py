"""timm models from the metadata of a safetensors file, and the error that two implementations are compared by."""

from functools import partial

import torch
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer
from torch import nn

VIT = ("img_size", "patch_size", "embed_dim", "depth", "num_heads", "num_classes")
REQUIRED = {
    "vit": VIT,
    "deit3": VIT,
    "swin": ("img_size", "patch_size", "embed_dim", "depths", "num_heads", "num_classes", "window_size"),
}
FAMILIES = {
    "vit": VisionTransformer,
    "deit3": partial(VisionTransformer, no_embed_class=True, init_values=1e-6),
    "swin": SwinTransformer,
}
LISTS = {"swin": ("depths", "num_heads")}


def model_from_metadata(metadata):
    """The model that the metadata's strings describe, with timm's own initial weights."""
    family = metadata.get("architecture")
    if family not in FAMILIES:
        raise ValueError(f"metadata says architecture={family}, expected one of {', '.join(FAMILIES)}")
    if missing := [key for key in REQUIRED[family] if key not in metadata]:
        raise ValueError(f"metadata lacks {', '.join(missing)}")

    def value(key):
        numbers = [int(word) for word in metadata[key].split()]
        return tuple(numbers) if key in LISTS.get(family, ()) else numbers[0]

    return FAMILIES[family](
        **{key: value(key) for key in REQUIRED[family]},
        in_chans=int(metadata.get("in_chans", 3)),
        mlp_ratio=float(metadata.get("mlp_ratio", 4)),
        norm_layer=partial(nn.LayerNorm, eps=float(metadata.get("norm_eps", 1e-5 if family == "swin" else 1e-6))),
    )


def relative_l2(found, expected):
    """|found - expected| / |expected| in double precision; infinite for a shape that differs or a NaN, so that neither passes."""
    if found.numel() != expected.numel():
        return float("inf")
    found, expected = found.double().flatten(), expected.double().flatten()
    error = float((found - expected).norm() / expected.norm().clamp(min=torch.finfo(torch.float32).tiny))
    return error if error == error else float("inf")
