"""safetensors files by the format's own library; where it is not, in WebAssembly, by ours."""

from lora_np.checkpoint.safetensors_io import LAYOUTS, open_tensors
from lora_np.checkpoint.safetensors_write import save_tensors


def names_in(path):
    """The tensors' names, of whatever dtype."""
    with open_tensors(path) as stored:
        return set(stored)


try:
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    def metadata_of(path):
        with safe_open(path, framework="numpy") as file:
            return file.metadata()
except ImportError:
    save_file = save_tensors

    def load_file(path):
        with open_tensors(path) as stored:
            return {name: tensor.read_raw(tuple(LAYOUTS)) for name, tensor in stored.items()}

    def metadata_of(path):
        with open_tensors(path) as stored:
            return next(iter(stored.values())).metadata()
