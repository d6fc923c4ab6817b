"""Do transformers and PEFT read what this library writes, and compute the same?

    PYTHONPATH=tests python tests/golden/make/check_exports.py      needs the `peers` extra

Loads every golden directory here, saves it again, loads that in the real libraries, and prints
the largest logit difference over the largest logit: theirs → ours (files they wrote, against the
logits they computed), ours → theirs (files we wrote, against the logits we computed). Adapters
are also trained here first, for a few steps, so that nothing in them came from PEFT.
"""

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
import transformers
from peft import PeftModel
from safetensors.numpy import load_file
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

sys.path.insert(0, str(Path(__file__).parents[2]))
from golden.readers.golden_hf import ADAPTERS, GOLDEN, GPT2S, base_of, difference
from lora_np.checkpoint import (
    load_adapter,
    load_gpt2,
    load_llama,
    save_adapter,
    save_gpt2,
    save_llama,
)
from lora_np.methods import (
    IA3,
    DoRA,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    QLoRA,
    merge,
    quantize_base,
)
from lora_np.objectives import cross_entropy
from lora_np.tasks import next_token
from lora_np.train import AdamW

LLAMAS = GOLDEN / "hf_llama"


def gap(ours, theirs):
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def logits_of(model, tokens):
    with torch.no_grad():
        return model.eval()(torch.from_numpy(tokens)).logits.float().numpy()


def gpt2s():
    for name in GPT2S:
        directory = GOLDEN / "hf" / name
        model = load_gpt2(directory)
        tokens = load_file(directory / "expected.safetensors")["tokens"]
        with tempfile.TemporaryDirectory() as out:
            save_gpt2(model, out)
            theirs = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
            if hasattr(theirs, "hf_quantizer"):
                theirs = theirs.dequantize()  # its 4-bit products run in bfloat16 on some CPUs
            yield name, difference(model, directory), gap(model(tokens), logits_of(theirs, tokens))


def halves():
    """bfloat16 is rounded as torch rounds it, and read by both."""
    for base, load, save in (
        ("hf/three_heads", load_gpt2, save_gpt2),
        ("hf_llama/grouped", load_llama, save_llama),
    ):
        directory = GOLDEN / base
        with tempfile.TemporaryDirectory() as out:
            save(load(directory), out, "bfloat16")
            rounded, theirs = (
                AutoModelForCausalLM.from_pretrained(d, dtype=torch.bfloat16).state_dict()
                for d in (directory, out)
            )
            assert all(torch.equal(rounded[name], theirs[name]) for name in rounded)
            theirs = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
            tokens = load_file(directory / "expected.safetensors")["tokens"]
            yield f"bfloat16: {base}", None, gap(load(out)(tokens), logits_of(theirs, tokens))


def adapters():
    for name in ADAPTERS:
        directory = GOLDEN / "peft" / name
        model = load_adapter(load_gpt2(base_of(name)), directory)
        yield name, difference(model, directory), ours_in_peft(model, base_of(name))
    rng = np.random.default_rng(0)
    for name, methods in {
        "trained: LoRA": [LoRA(2, 3.0, "all-linear")],
        "trained: rsLoRA": [LoRA(2, 3.0, ("attn.c_proj", "c_fc"), rslora=True)],
        "trained: DoRA": [DoRA(2, 3.0, "all-linear")],
        "trained: LoRA and head": [LoRA(2, 3.0), HeadTuning()],
        "trained: 3 classes": [DoRA(2, 3.0), HeadTuning(3)],
        "trained: LoRA and biases": [LoRA(2, 3.0)],
        "trained: LoRA and norms": [LoRA(2, 3.0)],
        "trained: QLoRA": [QLoRA(2, 3.0)],
        "trained: IA3": [IA3()],
        "trained: IA3 and head": [IA3(("attn.c_proj",), ("c_fc",)), HeadTuning()],
        "trained: prompt": [PromptTuning(2)],
        "trained: prefix": [PrefixTuning(3)],
        "trained: prefix from an MLP": [PrefixTuning(2, mlp_width=4)],
    }.items():
        base = GOLDEN / "hf" / "three_heads"
        model = load_gpt2(base)
        for method in methods:
            model = method.apply(model, rng)
        for key, p in model.named_parameters():
            if (name.endswith("biases") and key.endswith("bias")) or (
                name.endswith("norms") and ".ln_2." in key
            ):
                p.train()
        train(model, rng)
        if hasattr(methods[0], "mlp_width") and methods[0].mlp_width:
            model = model.without_mlp()
        yield name, None, ours_in_peft(model, base)


def llamas():
    """Whole models, PEFT's adapters, and adapters that are trained here."""
    names = sorted(path.name for path in LLAMAS.iterdir())
    for name in names:
        model = load_llama(LLAMAS / ("grouped" if name.startswith("adapter_") else name))
        if name.startswith("adapter_"):
            model = load_adapter(model, LLAMAS / name)
            back = ours_in_peft(model, LLAMAS / "grouped", load_llama, save_llama)
        else:
            tokens = load_file(LLAMAS / name / "expected.safetensors")["tokens"]
            with tempfile.TemporaryDirectory() as out:
                save_llama(model, out)
                theirs = AutoModelForCausalLM.from_pretrained(out, dtype=torch.float32)
            back = gap(model(tokens), logits_of(theirs, tokens))
        yield f"Llama: {name}", difference(model, LLAMAS / name), back
    rng = np.random.default_rng(0)
    for name, methods in {
        "LoRA": [LoRA(2, 3.0, "all-linear")],
        "rsLoRA": [LoRA(2, 3.0, ("o_proj", "up_proj"), rslora=True)],
        "DoRA": [DoRA(2, 3.0, "all-linear")],
        "LoRA and head": [LoRA(2, 3.0, ("q_proj", "v_proj")), HeadTuning()],
        "3 classes": [LoRA(2, 3.0, ("q_proj", "v_proj")), HeadTuning(3)],
        "QLoRA": [QLoRA(2, 3.0, "all-linear")],
        "LoRA and norm": [LoRA(2, 3.0, ("q_proj", "v_proj"))],  # whose name ends others' names
        "LoRA and o_proj": [LoRA(2, 3.0, ("q_proj", "v_proj"))],  # a square weight, whole
        "IA3": [IA3(("k_proj", "v_proj"), ("down_proj",))],
        "prompt": [PromptTuning(2)],
        "prefix": [PrefixTuning(2)],
    }.items():
        model = load_llama(LLAMAS / "grouped")
        for method in methods:
            model = method.apply(model, rng)
        for key, p in model.named_parameters():
            if key.startswith("norm.") and "norm" in name or "o_proj" in key and "o_proj" in name:
                p.train()
        train(model, rng)
        back = ours_in_peft(model, LLAMAS / "grouped", load_llama, save_llama)
        yield f"Llama, trained: {name}", None, back


def train(model, rng):
    optimizer = AdamW(model.trainable_parameters(), lr=0.05)
    for _ in range(5):
        batch = next_token(rng.integers(0, 3, (4, 7)))  # ids that are classes of a small head too
        logits, cache = model.forward(batch.tokens)
        model.backward(cross_entropy(logits, batch)[1], cache)
        optimizer.step()


def ours_in_peft(model, base, load=load_gpt2, save=save_gpt2):
    classes = any(getattr(method, "n_classes", None) for method in model.methods)
    tokens = np.random.default_rng(1).integers(1, model.config.vocab_size, (3, 7))
    with tempfile.TemporaryDirectory() as out, tempfile.TemporaryDirectory() as dense:
        save_adapter(model, out)
        if any(isinstance(method, QLoRA) for method in model.methods):
            save(merge(quantize_base(load(base))), dense)  # what NF4 stands for
            base = dense
        kind = AutoModelForSequenceClassification if classes else AutoModelForCausalLM
        theirs = kind.from_pretrained(base, **({"num_labels": 3} if classes else {}))
        theirs.config.pad_token_id = 0 if classes else None
        with warnings.catch_warnings():
            warnings.filterwarnings("error", "Found missing adapter keys")
            theirs = PeftModel.from_pretrained(theirs, out)
        logits, theirs = model(tokens), logits_of(theirs, tokens)
        if classes:  # transformers shows them at the last position only
            return gap(logits[:, -1], theirs)
        return gap(logits, theirs[:, -tokens.shape[1] :])  # PEFT shows a prompt's logits too


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    print(f"{'case':34}{'theirs -> ours':>16}{'ours -> theirs':>16}")
    worst = 0.0
    for name, theirs, ours in [*gpt2s(), *halves(), *adapters(), *llamas()]:
        print(f"{name:34}{'' if theirs is None else f'{theirs:.1e}':>16}{ours:16.1e}")
        worst = max(worst, theirs or 0.0, ours)
    print(f"{'largest':34}{worst:32.1e}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
