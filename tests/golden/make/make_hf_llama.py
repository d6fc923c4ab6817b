"""Write hf_llama/*: small Llamas as transformers saves them, PEFT adapters, and their logits.

python tests/golden/make/make_hf_llama.py        needs the `peers` extra
"""

from pathlib import Path

import torch
from make_llama import SIZES
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parents[1] / "data" / "hf_llama"
KINDS = {  # name: (sizes, dtype, how large a shard may be)
    "grouped": ("grouped", torch.float32, "1GB"),
    "untied_bfloat16": ("own_keys", torch.bfloat16, "1GB"),
    "wide_heads_sharded": ("wide_heads", torch.float32, "2KB"),
}
ADAPTERS = {
    "attention": {"target_modules": ["q_proj", "v_proj"], "r": 2, "lora_alpha": 6},
    "everywhere": {"target_modules": "all-linear", "r": 3, "lora_alpha": 6, "use_rslora": True},
    "dora": {"target_modules": ["o_proj", "down_proj"], "r": 2, "lora_alpha": 4, "use_dora": True},
}


def logits(model, tokens):
    with torch.no_grad():
        return model(tokens).logits.contiguous()


def main():
    for name, (sizes, dtype, shard) in KINDS.items():
        torch.manual_seed(len(name))
        sizes = {"tie_word_embeddings": True} | SIZES[sizes]
        model = LlamaForCausalLM(LlamaConfig(**sizes)).to(dtype)
        with torch.no_grad():
            for p in model.parameters():
                p += 0.2 * torch.randn_like(p)
        model.save_pretrained(HERE / name, max_shard_size=shard)
        (HERE / name / "generation_config.json").unlink(missing_ok=True)
        tokens = torch.randint(0, sizes["vocab_size"], (3, sizes["max_position_embeddings"]))
        model = LlamaForCausalLM.from_pretrained(HERE / name, dtype=torch.float32)
        expected = {"tokens": tokens, "logits": logits(model, tokens)}
        save_file(expected, HERE / name / "expected.safetensors")
    for name, settings in ADAPTERS.items():
        torch.manual_seed(len(name))
        model = LlamaForCausalLM.from_pretrained(HERE / "grouped")
        tokens = torch.randint(0, model.config.vocab_size, (3, 9))
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
        model.peft_config["default"].base_model_name_or_path = "grouped"
        with torch.no_grad():
            for p in model.parameters():
                if p.requires_grad:
                    p += 0.2 * torch.randn_like(p)
        model.save_pretrained(HERE / f"adapter_{name}")
        (HERE / f"adapter_{name}" / "README.md").unlink(missing_ok=True)
        expected = {"tokens": tokens, "logits": logits(model, tokens)}
        save_file(expected, HERE / f"adapter_{name}" / "expected.safetensors")


if __name__ == "__main__":
    main()
