"""The names that others build on; a change here is a change of what the package promises."""

import importlib
import inspect

import pytest

PUBLIC = {
    "lora_np": "AdamW Batch BitFit BottleneckAdapters DoRA FullFineTuning GPT GPTConfig HeadTuning "
    "IA3 Linear LoRA LoRALinear Module NF4Linear Parameter PrefixTuning PromptTuning QLoRA SGD "
    "check_gradients classification cross_entropy generate load_adapter load_gpt2 merge "
    "next_token quantize_nf4 save_adapter save_gpt2",
    "lora_np.nn": "GPT GPTConfig Linear Module Parameter",
    "lora_np.quant": "NF4Linear NF4Tensor quantize_nf4",
    "lora_np.methods": "BitFit BottleneckAdapters DoRA FullFineTuning HeadTuning IA3 LoRA "
    "LoRALinear PrefixTuning PromptTuning QLoRA merge to_lora",
    "lora_np.checkpoint": "load_adapter load_base load_gpt2 load_llama load_tokenizer "
    "save_adapter save_gpt2",
    "lora_np.gradcheck": "check_gradients",
    "lora_np.train": "held_out_loss train warmup_cosine",
    "lora_np.worked_example": "run",
}
SIGNATURES = {  # the arguments that others pass by name or in this order
    "lora_np.Parameter": "data trainable",
    "lora_np.Linear": "weight bias",
    "lora_np.LoRALinear": "base rank alpha rng",
    "lora_np.quantize_nf4": "array block_size double_quant",
    "lora_np.LoRA": "rank alpha targets",
    "lora_np.load_adapter": "model directory",
    "lora_np.save_adapter": "model directory",
    "lora_np.train.train": "model batches objective optimizer",
}


def find(dotted):
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("module, names", PUBLIC.items())
def test_the_public_names_are_there_and_documented(module, names):
    for name in names.split():
        found = find(f"{module}.{name}")
        assert inspect.getdoc(found), f"{module}.{name} has no docstring"


def test_the_package_exports_these_names_and_no_others():
    package = importlib.import_module("lora_np")
    names = [n for n in package.__all__ if not inspect.ismodule(getattr(package, n))]
    assert sorted(names) == sorted(PUBLIC["lora_np"].split())


@pytest.mark.parametrize("dotted, names", SIGNATURES.items())
def test_arguments_keep_their_names_and_order(dotted, names):
    found = [name for name in inspect.signature(find(dotted)).parameters if name != "self"]
    assert found[: len(names.split())] == names.split()


@pytest.mark.parametrize("module, names", PUBLIC.items())
def test_public_functions_have_type_hints(module, names):
    """Which mypy holds to be true. An objective's batch has none: tasks stand above objectives."""
    for name in names.split():
        found = find(f"{module}.{name}")
        function = found if inspect.isfunction(found) else found.__init__
        bare = [
            p.name
            for p in list(inspect.signature(function).parameters.values())
            if p.annotation is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        ]
        assert set(bare) <= {"self", "batch"}, f"{module}.{name}: {bare} without a type"
