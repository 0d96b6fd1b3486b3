"""Safetensors files, as far as the vectors need them: no package has to be installed for that."""

import json
import struct

SIZES = {"U8": 1, "I32": 4, "U32": 4, "F32": 4}


def write(path, tensors, metadata):
    """Writes tensors {name: (type, shape, bytes)}."""
    header, offset = {"__metadata__": metadata}, 0
    for name, (kind, shape, data) in tensors.items():
        count = SIZES[kind]
        for extent in shape:
            count *= extent
        assert count == len(data), f"{name}: {len(data)} bytes for {kind} {shape}"
        end = offset + len(data)
        header[name] = {"dtype": kind, "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, data in tensors.values():
            file.write(data)


def read(path):
    """All tensors of a file: {name: (type, shape, bytes)}."""
    with open(path, "rb") as file:
        content = file.read()
    start = 8 + struct.unpack("<Q", content[:8])[0]
    tensors = {}
    for name, entry in json.loads(content[8:start]).items():
        if name != "__metadata__":
            first, end = entry["data_offsets"]
            data = content[start + first : start + end]
            tensors[name] = (entry["dtype"], entry["shape"], data)
    return tensors
