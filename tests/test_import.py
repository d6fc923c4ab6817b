"""`import lora_np` brings the network alone; every other name comes when it is used."""

import subprocess
import sys

import pytest

import lora_np

LOADED = "import sys, lora_np; print(*sorted(m for m in sys.modules if m.startswith('lora_np.')))"


def test_importing_loads_the_network_alone():
    """And none of the libraries: so it takes little longer than NumPy itself."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True)
    assert not done.stderr
    ours = {name.split(".")[1] for name in done.stdout.split()}
    assert ours == {"generate", "nn"}


@pytest.mark.parametrize("first", ["lora_np.generate", "lora_np.tour", "lora_np.checkpoint"])
def test_a_module_never_hides_a_function_of_its_name(first):
    code = f"import {first}; from lora_np import generate; assert callable(generate)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", lora_np.__all__)
def test_every_name_is_there(name):
    assert getattr(lora_np, name).__module__.startswith("lora_np.") and name in dir(lora_np)


def test_other_names_are_not():
    assert lora_np.checkpoint.load_gpt2 is lora_np.load_gpt2  # the modules are, too
    with pytest.raises(AttributeError, match="module 'lora_np' has no attribute 'LoRa'"):
        _ = lora_np.LoRa
