"""Write shapes/*: for each method with a form, what PEFT says on one tiny Llama.

    python tests/golden/make/make_shapes.py [NAME]       needs the `peers` extra

The Llama's linear layers are rectangular (12 → 16, 12 → 8, 16 → 12, 20 → 12), so nothing transposed
goes unseen. Each folder holds PEFT's files, and in `expected.safetensors` the logits, the gradient
of Σ logits·dlogits for every number that learns (`grad.`, under the file's own names and in its
layout), and the merged weights (`merged.`). PEFT computes in float64 from what it saved in float32.
"""

import sys
from pathlib import Path

import peft
import torch
from make_hf_llama import moved, sort_lists
from peft import get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parents[1] / "data" / "shapes"
SIZES = {
    "vocab_size": 11, "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 1,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
    "max_position_embeddings": 8, "tie_word_embeddings": True,
}  # fmt: skip
TARGETS = {"target_modules": ["q_proj", "v_proj", "down_proj"]}
ADA = {"init_r": 4, "target_r": 2, "lora_alpha": 6}
ADA |= {"total_step": 9, "tinit": 1, "tfinal": 2, "deltaT": 2}
METHODS = {  # name: (PEFT's config, its settings)
    "lora": (peft.LoraConfig, {"r": 3, "lora_alpha": 5}),
    "dora": (peft.LoraConfig, {"r": 3, "lora_alpha": 5, "use_dora": True}),
    "ia3": (peft.IA3Config, {"feedforward_modules": ["down_proj"]}),
    "adalora": (peft.AdaLoraConfig, ADA),
    "delora": (peft.DeloraConfig, {"r": 3, "delora_lambda": 2.5}),
    "gralora": (peft.GraloraConfig, {"r": 4, "alpha": 6, "gralora_k": 2}),
    "vera": (peft.VeraConfig, {"r": 3, "save_projection": True}),
    "randlora": (peft.RandLoraConfig, {"r": 5, "randlora_alpha": 10, "save_projection": True}),
    "vblora": (peft.VBLoRAConfig, {"r": 3, "num_vectors": 6, "vector_length": 4, "topk": 2}),
    "loha": (peft.LoHaConfig, {"r": 3, "alpha": 5}),
    "lokr": (peft.LoKrConfig, {"r": 1, "alpha": 2}),
    "lokr_whole": (peft.LoKrConfig, {"r": 3, "alpha": 2}),
    "hira": (peft.HiraConfig, {"r": 3}),
}


def base():
    return LlamaForCausalLM.from_pretrained(HERE / "base", dtype=torch.float32)


def make_base():
    torch.manual_seed(0)
    moved(LlamaForCausalLM(LlamaConfig(**SIZES))).save_pretrained(HERE / "base")
    (HERE / "base" / "generation_config.json").unlink(missing_ok=True)


def in_the_file(model, learns, values):
    """{the file's name: values[parameter]}: PEFT's own renaming, of other numbers."""
    kept = {id(p): p.data for p in learns}
    for p in learns:
        p.data = values[id(p)]
    renamed = {n: t.clone() for n, t in get_peft_model_state_dict(model).items()}
    for p in learns:
        p.data = kept[id(p)]
    return renamed


def make(name):
    kind, settings = METHODS[name]
    torch.manual_seed(len(name))
    model = get_peft_model(base(), kind(task_type="CAUSAL_LM", **TARGETS | settings))
    model.peft_config["default"].base_model_name_or_path = "base"
    learns = [p for p in model.parameters() if p.requires_grad]
    with torch.no_grad():
        for p in learns:
            p += 0.3 * torch.randn_like(p)
    model.save_pretrained(HERE / name)
    sort_lists(HERE / name / "adapter_config.json")
    (HERE / name / "README.md").unlink(missing_ok=True)
    model = model.double().eval()
    learns = [p for p in model.parameters() if p.requires_grad]
    tokens = torch.randint(0, SIZES["vocab_size"], (2, 7))
    logits = model(tokens).logits
    dlogits = torch.randn(logits.shape)
    (logits * dlogits).sum().backward()
    ones = in_the_file(model, learns, {id(p): torch.full_like(p, torch.nan) for p in learns})
    grads = in_the_file(model, learns, {id(p): p.grad for p in learns})
    expected = {"logits": logits.detach(), "dlogits": dlogits}
    expected |= {f"grad.{n}": g for n, g in grads.items() if ones[n].isnan().any()}
    with torch.no_grad():
        merged = model.merge_and_unload()
        own = dict(base().named_parameters())
        for n, p in merged.named_parameters():
            if not torch.equal(p.float(), own[n]):
                expected[f"merged.{n}"] = p.detach()
    if name == "adalora":
        allocate(tokens, dlogits)
    expected = {n: t.float().contiguous() for n, t in expected.items()}
    save_file(expected | {"tokens": tokens}, HERE / name / "expected.safetensors")


def allocate(tokens, dlogits, lr=0.02):
    """adalora_pruned: what is left of `adalora` after PEFT's nine steps, with plain descent."""
    model = peft.PeftModel.from_pretrained(base(), HERE / "adalora", is_trainable=True).double()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr)
    for step in range(ADA["total_step"]):
        (model(tokens).logits * dlogits).sum().backward()
        optimizer.step()
        model.base_model.update_and_allocate(step)
        optimizer.zero_grad()
    model.float().save_pretrained(HERE / "adalora_pruned")
    sort_lists(HERE / "adalora_pruned" / "adapter_config.json")
    (HERE / "adalora_pruned" / "README.md").unlink(missing_ok=True)
    model = peft.PeftModel.from_pretrained(base(), HERE / "adalora_pruned").double().eval()
    expected = {"tokens": tokens, "logits": model(tokens).logits.detach().float().contiguous()}
    save_file(expected, HERE / "adalora_pruned" / "expected.safetensors")


if __name__ == "__main__":
    torch.compiler.set_stance("force_eager")
    if not (HERE / "base").exists():
        make_base()
    for name in sys.argv[1:] or METHODS:
        make(name)
