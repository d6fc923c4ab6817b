"""`safetensors.numpy` in the browser, for which the library has no build: by lora_np's own files.

Lesson 12 reads and writes whole files with these two. There is no `safe_open` here, so that lora_np
sees that the library is missing.
"""

from lora_np.checkpoint.safetensors_io import LAYOUTS, open_tensors, save_tensors


def load_file(filename):
    """{name: array}"""
    with open_tensors(filename) as stored:
        return {name: tensor.read_raw(LAYOUTS) for name, tensor in stored.items()}


def save_file(tensor_dict, filename, metadata=None):
    """Write {name: array}."""
    save_tensors(tensor_dict, filename, metadata)
