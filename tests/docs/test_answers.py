"""No lesson shows the function that one of its exercises, or a later one, asks for."""

import inspect
import pydoc
import re
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest

from lora_np.course.classroom import exercise

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import execute  # noqa: E402

LORA, NF4 = "methods.low_rank.lora_linear.LoRALinear", "quant.nf4"
ATTENTION = "nn.attention.attend_forward", "nn.attention.attend_backward"
ANSWERS = {  # what the package has of each exercise to be written; none: only the student's
    "1.2": [f"{LORA}.forward"],
    "1.3": [],
    "2.1": ["nn.linear.Linear.backward"],
    "2.2": ["train.optim.AdamW._update"],
    "2.3": ["nn.linear.Linear.backward"],
    "2.4": ["conformance.scale.zeros_added_to_the_factors_change_nothing.function"],
    "2.6": [],
    "3.1": [f"{LORA}.backward"],
    "3.2": [f"{LORA}.forward"],
    "3.3": ["methods.low_rank.lora_init.best_factors"],
    "4.1": ["memory.formulas.table"],
    "5.1": [f"{NF4}.normal_quantiles", f"{NF4}.make_codebook"],
    "5.2": [f"{NF4}.quantize_nf4", f"{NF4}.nearest_codes"],
    "5.3": [f"{NF4}.pack"],
    "6.1": ["quant.double_quant.double_quantize"],
    "6.2": [f"{LORA}.effective_weight"],
    "6.5": [],
    "6.6": ["quant.nvfp4.to_e4m3", "quant.nvfp4.from_e4m3"],
    "6.7": ["quant.q4_0.Q4_0.pack"],
    "6.8": ["quant.gptq.gptq"],
    "7.1": ["objectives.cross_entropy", "nn.functional.log_softmax"],
    "7.2": ATTENTION,
    "7.3": [*ATTENTION, "nn.kv_cache.extend_past", "nn.kv_cache.KeyValueCache.append"],
    "7.4": ["nn.attention.Attention.forward"],
    "8.2": ["train.loop.held_out_loss"],
    "8.4": [],
    "9.1": [
        "methods.parts.bottleneck.Adapted.forward",
        "methods.parts.bottleneck.Adapted.backward",
    ],
    "9.2": ATTENTION,
    "9.3": [
        f"methods.low_rank.dora.DoRALinear.{name}"
        for name in ("norm", "backward", "effective_weight")
    ],
    "9.5": [],
    "9.6": [
        f"methods.sparse_and_spectral.c3a.C3ALinear.{name}"
        for name in ("branch", "branch_backward")
    ],
    "10.1": ["objectives.Distillation.__call__"],
    "10.2": ["objectives.DPO.__call__"],
    "10.3": ["objectives.PPO.__call__"],
    "10.5": [],
    "10.6": ["objectives.group_advantages"],
    "11.1": ["tasks.retrieval.Store.scores"],
    "11.2": ["tasks.worlds.raft.choose_documents"],
    "11.3": ["objectives.VerbalizedCrossEntropy.__call__"],
    "12.1": ["checkpoint.peft.lora.arrays"],
    "12.2": ["methods.combine.combine"],
    "12.3": ["checkpoint.peft.load_adapter"],
    "12.4": [],
    "13.1": ["tasks.dialogue.dialogue_tokens"],
    "13.3": [],
}


def lesson_of(path):
    return int(re.match(r"\d+", path.stem)[0])


def shown(path):
    """The code that a lesson's outputs show, in plain text, without blanks."""
    outputs = [
        out for cell in nbformat.read(path, as_version=4).cells for out in cell.get("outputs", [])
    ]
    return squeezed("\n".join(out.get("data", {}).get("text/plain", "") for out in outputs))


def squeezed(code):
    return re.sub(r"\s+", "", code)


def code_of(name):
    found = pydoc.locate(f"lora_np.{name}")
    assert found is not None, f"lora_np.{name} is not there"
    return squeezed(textwrap.dedent(inspect.getsource(found)))


def test_every_exercise_to_be_written_is_listed():
    written = {
        each.number
        for lesson in range(1, 14)
        for each in exercise.of_lesson(lesson)
        if each.kind in ("implement", "find the bug")
    }
    assert written == set(ANSWERS)


@pytest.mark.parametrize("path", execute.lessons(), ids=lambda path: path.stem)
def test_no_lesson_shows_an_answer_before_it_is_asked_for(path):
    text = shown(path)
    for number, names in ANSWERS.items():
        if lesson_of(path) <= int(number.split(".")[0]):
            for name in names:
                assert code_of(name) not in text, f"the answer to {number}: {name}"


def test_what_a_lesson_shows_is_seen():
    """The law above bites: lesson 7 shows a block's forward pass."""
    (path,) = (path for path in execute.lessons() if path.stem.startswith("07"))
    assert code_of("nn.block.Block.forward") in shown(path)
