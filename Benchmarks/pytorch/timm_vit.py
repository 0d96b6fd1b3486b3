"""A timm VisionTransformer from the metadata of a safetensors file, and the error that two implementations are compared by."""

from functools import partial

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn

REQUIRED = ("img_size", "patch_size", "embed_dim", "depth", "num_heads", "num_classes")


def vit_from_metadata(metadata):
    """The model that the metadata's strings describe (class token, head on the class token), with timm's own initial weights."""
    if metadata.get("architecture") != "vit":
        raise ValueError(f"metadata says architecture={metadata.get('architecture')}, expected vit")
    if missing := [key for key in REQUIRED if key not in metadata]:
        raise ValueError(f"metadata lacks {', '.join(missing)}")
    return VisionTransformer(
        **{key: int(metadata[key]) for key in REQUIRED},
        in_chans=int(metadata.get("in_chans", 3)),
        mlp_ratio=float(metadata.get("mlp_ratio", 4)),
        norm_layer=partial(nn.LayerNorm, eps=float(metadata.get("norm_eps", 1e-6))),
    )


def relative_l2(found, expected):
    """|found - expected| / |expected| in double precision; infinite for a shape that differs or a NaN, so that neither passes."""
    if found.numel() != expected.numel():
        return float("inf")
    found, expected = found.double().flatten(), expected.double().flatten()
    error = float((found - expected).norm() / expected.norm().clamp(min=torch.finfo(torch.float32).tiny))
    return error if error == error else float("inf")
