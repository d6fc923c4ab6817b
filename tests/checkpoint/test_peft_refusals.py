"""Adapters that do not fit, or that no file can hold: refused, with the reason."""

import contextlib
import functools
import itertools
import json
import shutil
from functools import partial

import numpy as np
import pytest

from golden.readers import golden_shapes
from golden.readers.golden_hf import GOLDEN
from helpers.adapters import CONFIG, WEIGHTS, edit_config
from helpers.models import small_gpt
from helpers.safetensors_files import load_file, save_file
from lora_np.checkpoint import load_adapter, load_gpt2, load_llama, save_adapter
from lora_np.methods import (
    IA3,
    BottleneckAdapters,
    DoRA,
    FullFineTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    QLoRA,
    TinyLoRA,
)
from lora_np.methods.low_rank.lora_init import loftq, pissa

PEFT = GOLDEN / "peft"
RNG = np.random.default_rng


def edit_tensors(directory, change):
    tensors = load_file(directory / WEIGHTS)
    change(tensors)
    save_file(tensors, directory / WEIGHTS)


@pytest.mark.parametrize("first", [LoRA(2), DoRA(2), IA3()])
@pytest.mark.parametrize("then", [BottleneckAdapters(2), PromptTuning(2), PrefixTuning(2)])
def test_one_file_holds_one_method(base, tmp_path, first, then):
    model = then.apply(first.apply(base, RNG(0)), RNG(0))
    with pytest.raises(ValueError, match="files hold one method, and here are (LORA|IA3) and "):
        save_adapter(model, tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize(
    ("method", "changes", "message"),
    [
        (IA3(), {"target_modules": ["q_proj"]}, r"unexpected: h.0.attn.c_attn.ia3_l"),
        (IA3(), {"feedforward_modules": ["c_attn"]}, r"ia3_l is \(18, 1\), expected \(1, 6\)"),
        (PromptTuning(2), {"num_virtual_tokens": 3}, r"is \(2, 6\), expected \(3, 6\)"),
        (PromptTuning(2), {"num_virtual_tokens": None}, "expected length from 1"),
        (PromptTuning(2), {"num_virtual_tokens": 8}, "8 virtual tokens leave no room"),
        (PromptTuning(2), {"peft_type": "PREFIX_TUNING"}, "does not have: .*init"),
        (PrefixTuning(2), {"peft_type": "PROMPT_TUNING"}, "prompt_embeddings is"),
        (BottleneckAdapters(2), {"adapter_width": 3}, "width is 3, .* tensors down are 2 long"),
        (BottleneckAdapters(2), {"adapter_width": 10**12}, "tensors down are 2 long"),
        (BottleneckAdapters(2), {"adapter_placement": ["a"]}, r"placement among .* got \['a'\]"),
        (TinyLoRA(3), {"tiny_numbers": 10**12}, "tensors tiny_P are 3 long"),
        (TinyLoRA(3), {"tiny_rank": 4}, "tiny_rank is 4, .* tensors tiny_P are 2 long"),
        (TinyLoRA(3), {"tiny_shared": "no"}, "expected tiny_shared true or false, got 'no'"),
        (TinyLoRA(3), {"tiny_targets": 7}, "to be a list of names, got 7"),
        (TinyLoRA(3), {"tiny_targets": ["q_proj"]}, "'q_proj' matches no linear layer"),
        (BottleneckAdapters(2), {"adapter_placement": "pfeiffer"}, "unexpected: h.0.attn.down"),
    ],
)
def test_settings_of_other_methods_that_do_not_fit(base, tmp_path, method, changes, message):
    save_adapter(method.apply(base, RNG(0)), tmp_path)
    edit_config(tmp_path, **changes)
    with pytest.raises(ValueError, match=message):
        load_adapter(base, tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"peft_type": "XLORA"}, "peft_type 'XLORA' is no method"),
        ({"peft_type": None}, "expected a peft_type, got None"),
        ({"peft_type": ["LORA"]}, r"expected a peft_type, got \['LORA'\]"),
        ({"lora_alpha": 1e308, "use_dora": True}, r"expected alpha, finite .* got 1e\+308"),
        ({"peft_type": "LORA_NP"}, "settings that this library does not have: .*'r': 2"),
        ({"r": 3}, r"h.0.attn.c_attn.lora_A.weight is \(2, 6\), expected \(3, 6\)"),
        ({"use_rslora": "no"}, "expected use_rslora true or false, got 'no'"),
        ({"r": 10**9}, r"expected a rank from 1 to min\(in, out\) = 6"),
        ({"r": "2"}, "expected a rank from 1, a whole number, got '2'"),
        ({"lora_alpha": "6"}, "expected alpha, finite .* got '6'"),
        ({"lora_dropout": [0]}, "expected a dropout from 0 to below 1"),
        ({"target_modules": ["c_fc"]}, "missing: h.0.mlp.c_fc.lora_A.weight.*unexpected: h.0.attn"),
        (
            {"target_modules": ["q_proj"]},
            "'q_proj' matches no linear layer; the names there are: attn",
        ),
        ({"target_modules": {"c_attn": 1}}, "target_modules to be a list of names"),
        ({"target_modules": [3]}, "target_modules to be a list of names"),
        ({"use_dora": True}, "missing: h.0.attn.c_attn.lora_magnitude_vector"),
        ({"bias": "some"}, "expected bias none, all or lora_only, got 'some'"),
        ({"bias": "lora_only"}, "missing: h.0.attn.c_attn.base_layer.bias"),
        ({"modules_to_save": "ln_f"}, "expected modules_to_save to be a list of names"),
        ({"modules_to_save": ["ln_f"]}, "missing: ln_f.bias.*ln_f.weight"),
        ({"modules_to_save": ["wte"]}, "missing: wte.weight"),
        ({"modules_to_save": ["c_attn"]}, "modules_to_save saves whole all that is adapted: h.0"),
        ({"modules_to_save": ["attn"], "target_modules": "all-linear"}, "unexpected: h.0.attn.c_a"),
        ({"modules_to_save": ["score"]}, r"score.weight of shape \(classes, 6\), got None"),
        ({"init_lora_weights": "pissa"}, "'pissa' changes the base"),
        ({"rank_pattern": {"c_attn": 4}}, r"lora_A.weight is \(2, 6\), expected \(4, 6\)"),
        ({"rank_pattern": {"attn.c_attn": "2"}}, "expected a rank from 1, .* got '2'"),
        ({"rank_pattern": ["c_attn"]}, "rank_pattern to be names and values, got"),
        ({"alpha_pattern": {"c_attn": True}}, "expected alpha, finite .* got True"),
        ({"alpha_pattern": {"(c_.*)+n": 2}}, "'.c_....n' repeats too much to be tried"),
        ({"alpha_pattern": {".*a.*b.*c.*": 2}}, "repeats too much to be tried"),
        ({"alpha_pattern": {"(c|.)(c|.)(c|.)(c|.)x": 2}}, "repeats too much to be tried"),
        ({"alpha_pattern": {"c?.?c?.?x": 2}}, "repeats too much to be tried"),
        ({"alpha_pattern": {"c_(": 2}}, "'c_.' is no regular expression: "),
        ({"lora_bias": True}, "missing: h.0.attn.c_attn.lora_B.bias"),
        ({"lora_bias": 1}, "expected lora_bias true or false, got 1"),
        ({"lora_bias": True, "use_dora": True}, "DoRA: its adapter has no bias"),
        ({"trainable_token_indices": [3]}, "missing: wte.token_adapter.trainable_tokens_delta"),
        ({"trainable_token_indices": [8]}, "expected new tokens from 7 on"),
        ({"trainable_token_indices": [10**18]}, "expected new tokens from 7 on"),
        ({"trainable_token_indices": [3, 3]}, "expected each token once"),
        ({"trainable_token_indices": ["3"]}, "each of tokens from 0, a whole number, got '3'"),
        ({"trainable_token_indices": 3}, "expected lists of trainable tokens"),
        ({"trainable_token_indices": {"wpe": [3]}}, "expected tokens of transformer.wte and lm_he"),
        ({"target_modules": ["wte", "c_attn"], "use_dora": True}, "DoRA: wte is a table of rows"),
        ({"layer_replication": [[0, 2]]}, "does not have: {'layer_replication'"),
        ({"alora_invocation_tokens": [3]}, "does not have: {'alora_invocation_tokens'"),
        ({"target_parameters": ["c_attn.weight"]}, "does not have: {'target_parameters'"),
    ],
)
def test_settings_that_do_not_fit(base, directory, changes, message):
    edit_config(directory, **changes)
    before = {name: p.data.tobytes() for name, p in base.named_parameters()}
    with pytest.raises(ValueError, match=message):
        load_adapter(base, directory)
    assert before == {name: p.data.tobytes() for name, p in base.named_parameters()}
    assert base.methods == ()


def test_another_base(directory):
    other = load_gpt2(GOLDEN / "hf" / "three_heads")
    with pytest.raises(ValueError, match=r"lora_A.weight is \(2, 6\), expected \(2, 12\)"):
        load_adapter(other, directory)
    shallow = small_gpt()
    del shallow.h[1:]
    with pytest.raises(ValueError, match="unexpected: h.1.attn.c_attn.lora_A.weight"):
        load_adapter(shallow, directory)


def test_one_error_lists_every_tensor(base, directory):
    prefix = "base_model.model.transformer.h"

    def damage(tensors):
        del tensors[f"{prefix}.0.attn.c_attn.lora_A.weight"]
        tensors[f"{prefix}.1.attn.q_proj.lora_A.weight"] = np.ones((2, 6), np.float32)
        name = f"{prefix}.1.attn.c_attn.lora_B.weight"
        tensors[name] = np.ascontiguousarray(tensors[name].T)

    edit_tensors(directory, damage)
    with pytest.raises(ValueError) as caught:
        load_adapter(base, directory)
    for part in (
        "missing: h.0.attn.c_attn.lora_A.weight (2, 6)",
        "unexpected: h.1.attn.q_proj.lora_A.weight (2, 6)",
        "of another shape: h.1.attn.c_attn.lora_B.weight is (2, 18), expected (18, 2)",
    ):
        assert part in str(caught.value)


def test_the_same_tensor_twice(base, directory):
    name = "transformer.h.0.attn.c_attn.lora_A.weight"
    edit_tensors(directory, lambda t: t.update({name: np.ones((2, 6), np.float32)}))
    with pytest.raises(ValueError, match="base_model.* are the same|transformer.* are the same"):
        load_adapter(base, directory)


def test_a_truncated_file(base, directory):
    content = (directory / WEIGHTS).read_bytes()
    (directory / WEIGHTS).write_bytes(content[:-1])
    with pytest.raises(ValueError, match="adapter_model.safetensors: not a readable safetensors"):
        load_adapter(base, directory)


def test_a_second_adapter_of_the_kind(base, directory):
    with pytest.raises(ValueError, match="LoRA was already applied"):
        load_adapter(load_adapter(base, directory), directory)
    with pytest.raises(ValueError, match="DoRA was already applied|LoRA was already applied"):
        DoRA(2).apply(load_adapter(base, directory), RNG(0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda base: base.view().freeze(), "nothing in this model learns"),
        (lambda base: FullFineTuning().apply(base), "no place for wte.weight.*save_gpt2 saves"),
        (lambda base: one_bias(base), "no place for h.0.attn.c_attn.bias, which learn"),
        (lambda base: LoRA(2, init=pissa).apply(base, RNG(0)), "pissa .*changed the base"),
        (lambda base: QLoRA(2, init=partial(loftq, iterations=1)).apply(base, RNG(0)), "loftq"),
    ],
)
def test_what_no_adapter_can_hold(base, tmp_path, make, message):
    with pytest.raises(ValueError, match=message):
        save_adapter(make(base), tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


def one_bias(base):
    view = LoRA(2).apply(base, RNG(0))
    view.h[0].attn.c_attn.base.bias.train()
    return view


def test_a_directory_that_is_none(base, tmp_path):
    with pytest.raises(ValueError, match="no adapter_config.json in .*: it holds nothing"):
        load_adapter(base, tmp_path)
    shutil.copy(PEFT / "rslora" / CONFIG, tmp_path)
    with pytest.raises(ValueError, match="no adapter_model.safetensors in .*: it holds"):
        load_adapter(base, tmp_path)


@pytest.mark.parametrize("name", golden_shapes.NAMES)
def test_a_setting_of_no_kind_that_it_can_be_is_an_error_that_says_so(name, tmp_path):
    """In place of each number and each list: it loads, where it is not read, or says what came."""
    shutil.copytree(golden_shapes.SHAPES / name, tmp_path, dirs_exist_ok=True)
    base, kept = shapes_base(), json.loads((tmp_path / CONFIG).read_text("utf-8"))
    keys = [key for key, value in kept.items() if isinstance(value, int | float | list)]
    for key, beside in itertools.product(keys, ({}, {"exclude_modules": "x"})):
        (tmp_path / CONFIG).write_text(json.dumps(kept | beside | {key: [{}]}), "utf-8")
        with contextlib.suppress(ValueError):
            load_adapter(base, tmp_path)


@functools.cache
def shapes_base():
    return load_llama(golden_shapes.SHAPES / "base")
