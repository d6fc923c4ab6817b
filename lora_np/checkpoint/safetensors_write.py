"""Writing safetensors: a header's length, the header in JSON, and the numbers end to end.

Byte for byte as the format's own library, which cannot write bfloat16 from NumPy, and would need
all arrays in the file's order at once.
"""

import json

import numpy as np

from .dtypes import BFLOAT16

# Safetensors' names of what is written, in the order of their places in a file
KINDS: dict[np.dtype, str] = {
    np.dtype("u8"): "U64", np.dtype("i8"): "I64", np.dtype("f8"): "F64", np.dtype("c8"): "C64",
    np.dtype("f4"): "F32", np.dtype("u4"): "U32", np.dtype("i4"): "I32", BFLOAT16: "BF16",
    np.dtype("f2"): "F16", np.dtype("u2"): "U16", np.dtype("i2"): "I16", np.dtype("i1"): "I8",
    np.dtype("u1"): "U8", np.dtype("?"): "BOOL",
}  # fmt: skip


def save_tensors(tensors, path, metadata=None):
    """Write {name: array}, with {name: string} beside them (None: none).

    Raises: OSError where the file cannot be written; ValueError for a dtype that is not in KINDS.
    """
    kinds = {name: array.dtype.newbyteorder("=") for name, array in tensors.items()}
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise ValueError(f"{path}: {name} is in {kind}, which a safetensors file does not hold")
    names = sorted(tensors, key=lambda name: ([*KINDS].index(kinds[name]), name))
    header, place = {} if metadata is None else {"__metadata__": metadata}, 0
    for name in names:
        array, start = tensors[name], place
        place += array.nbytes
        header[name] = {"dtype": KINDS[kinds[name]], "shape": array.shape}
        header[name]["data_offsets"] = start, place
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # so that the numbers begin at a multiple of 8
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            array = np.ascontiguousarray(tensors[name], kinds[name].newbyteorder("<"))
            file.write(array.reshape(-1).view(np.uint8))  # tofile would not say that a disk is full
