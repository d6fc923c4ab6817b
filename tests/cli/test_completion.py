"""The Tab key at `lora-np`, as argcomplete asks for it."""

import os
import subprocess
import sys

import pytest


@pytest.mark.extra("argcomplete")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("lora-np fin", {"finetune"}),
        ("lora-np finetune --method lor", {"lora"}),
        ("lora-np compare r", {"rlhf", "raft", "razor", "regret"}),
        ("lora-np merge --ad", {"--adapter"}),
    ],
)
def test_the_tab_key_offers_what_fits(tmp_path, typed, offered):
    asked = {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "offered"),
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": typed,
        "COMP_POINT": str(len(typed)),
    }
    environment = {**os.environ, **asked, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-m", "lora_np"], env=environment, check=True, timeout=600)
    found = (tmp_path / "offered").read_text().split("\n")
    assert {word.strip() for word in found} == offered
