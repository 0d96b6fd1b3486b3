"""Writes what timm's models compute: python Tests/Golden/timm_models.py.

A small model of each family, its numbers random, in double precision: logits, mean cross entropy, gradients.
Needs PyTorch, timm and safetensors; the files that are here were written by PyTorch 2.15 and timm 1.0.31.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from timm.models.swin_transformer import SwinTransformer
from timm.models.vision_transformer import VisionTransformer

FOLDER = Path(__file__).parent
VIT = dict(img_size=12, patch_size=4, in_chans=1, num_classes=5, embed_dim=8, depth=2, num_heads=2, mlp_ratio=2)
SWIN = dict(
    img_size=20, patch_size=2, in_chans=1, num_classes=5, embed_dim=4, depths=(2, 1), num_heads=(2, 4), window_size=4,
    mlp_ratio=2,
)


def words(value):
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def write(name, model, arguments, epsilon):
    torch.manual_seed(0)
    model = model.double().train()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_((parameter + 0.4 * torch.randn_like(parameter)).float())
    images = torch.randn(3, 1, arguments["img_size"], arguments["img_size"])
    labels = torch.tensor([0, 3, 4])
    logits = model(images.double())
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    tensors = {"images": images, "labels": labels, "fp32.logits": logits, "fp32.loss": loss[None]}
    for key, parameter in model.named_parameters():
        tensors[f"model.{key}"] = parameter
        tensors[f"fp32.grad.{key}"] = parameter.grad
    tensors = {
        key: (value if value.dtype == torch.int64 else value.detach().float()).contiguous() for key, value in tensors.items()
    }
    metadata = {key: words(value) for key, value in arguments.items()}
    path = FOLDER / f"timm_{name}.safetensors"
    save_file(tensors, path, metadata | {"architecture": name, "norm_eps": str(epsilon)})
    path.chmod(0o644)
    print(path, path.stat().st_size)


write("vit", VisionTransformer(**VIT), VIT, 1e-6)
write("deit3", VisionTransformer(**VIT, no_embed_class=True, init_values=0.5), VIT, 1e-6)
write("swin", SwinTransformer(**SWIN, drop_path_rate=0), SWIN, 1e-5)
