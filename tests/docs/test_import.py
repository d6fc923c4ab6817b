"""`import lora_np` brings next to nothing; every name comes when it is used."""

import inspect
import subprocess
import sys

import pytest

import lora_np

LOADED = (
    "import sys, lora_np; print(*(m for m in sys.modules if m.startswith(('lora_np.', 'numpy'))))"
)


def test_importing_loads_nothing_of_ours_yet():
    """So it takes no longer than NumPy itself."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True)
    assert not done.stderr and not done.stdout.split()


def test_no_command_waits_for_a_library_that_only_some_need():
    """Matplotlib alone takes longer than all the rest."""
    code = "import sys, lora_np.__main__; print({'matplotlib', 'hypothesis'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert not done.stderr and done.stdout == "set()\n"


@pytest.mark.parametrize("first", ["lora_np.generation", "lora_np.course", "lora_np.checkpoint"])
def test_a_module_never_hides_a_function(first):
    code = f"import {first}; from lora_np import generate; assert callable(generate)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", lora_np.__all__)
def test_every_name_is_there(name):
    found = getattr(lora_np, name)
    where = found.__name__ if inspect.ismodule(found) else found.__module__
    assert where.startswith("lora_np.") and name in dir(lora_np)


def test_other_names_are_not():
    assert lora_np.checkpoint.load_gpt2 is lora_np.load_gpt2  # the modules are, too
    with pytest.raises(AttributeError, match="lora_np attribute LoRa"):
        _ = lora_np.LoRa
