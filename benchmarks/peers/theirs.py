"""The torch side: transformers' GPT-2, PEFT's LoRA, bitsandbytes' 4-bit weights on the CPU."""

import os
import tempfile

import torch
from common import serve, setting, summary
from peft import LoraConfig, get_peft_model
from transformers import BitsAndBytesConfig, DynamicCache, GPT2Config, GPT2LMHeadModel, logging

logging.set_verbosity_error()
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def build(kind, shape):
    config, arrays, factors, tokens = setting(shape)
    no_dropout = {"attn_pdrop": 0, "embd_pdrop": 0, "resid_pdrop": 0}
    model = GPT2LMHeadModel(GPT2Config(**config, **no_dropout))
    state = {"transformer." + name: torch.from_numpy(array) for name, array in arrays.items()}
    model.load_state_dict(state, strict=False)
    if kind.startswith("generate"):
        return writers(kind, model.eval(), torch.from_numpy(tokens[:1, :8]))
    if kind == "qlora":
        model = in_four_bits(model)
    if kind != "full":
        lora = {"r": 8, "lora_alpha": 16, "target_modules": ["c_attn"]}
        model = get_peft_model(model, LoraConfig(**lora, fan_in_fan_out=kind == "lora"))
        with torch.no_grad():
            for block, (A, B) in zip(model.base_model.model.transformer.h, factors):
                block.attn.c_attn.lora_A["default"].weight.copy_(torch.from_numpy(A.T))
                block.attn.c_attn.lora_B["default"].weight.copy_(torch.from_numpy(B.T))
    model.train()
    learns = {n: p for n, p in model.named_parameters() if p.requires_grad}
    inputs, targets = torch.from_numpy(tokens[:, :-1]), torch.from_numpy(tokens[:, 1:])
    optimizer = torch.optim.AdamW(learns.values(), lr=1e-4, weight_decay=0.0)

    def gradients():
        logits = model(input_ids=inputs).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        return loss

    def check():
        loss = float(gradients().detach())
        result = {our_name(n): summary(as_ours(n, p.grad)) for n, p in learns.items()}
        optimizer.zero_grad()
        return {"loss": loss, "gradients": result}

    def step():
        gradients()
        optimizer.step()
        optimizer.zero_grad()
        return 1

    return check, step


def in_four_bits(model):
    """The same model with its linear weights in NF4, as from_pretrained loads it."""
    config = BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.float32
    )
    with tempfile.TemporaryDirectory() as directory:
        model.save_pretrained(directory)
        return GPT2LMHeadModel.from_pretrained(
            directory, quantization_config=config, device_map="cpu", dtype=torch.float32
        )


def our_name(name):
    name = name.split("transformer.")[1]
    return name.replace("lora_A.default.weight", "A").replace("lora_B.default.weight", "B")


def as_ours(name, gradient):
    """Our orientation: PEFT's factors are transposed, GPT-2's own weights are not."""
    return (gradient.T if "lora_" in name else gradient).numpy()


def writers(kind, model, prompt, n=64):
    """transformers' `generate`, or a bare loop over its cache: n greedy tokens."""

    @torch.inference_mode()
    def library():
        return model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=n, min_new_tokens=n,
            do_sample=False, pad_token_id=0, eos_token_id=None,
        )[:, prompt.shape[1] :]  # fmt: skip

    @torch.inference_mode()
    def loop():
        cache, token, chosen = DynamicCache(), prompt, []
        for _ in range(n):
            logits = model(input_ids=token, past_key_values=cache, use_cache=True).logits
            token = logits[:, -1:].argmax(-1)
            chosen.append(token)
        return torch.cat(chosen, 1)

    write = library if kind == "generate" else loop
    return lambda: {"tokens": write().tolist()}, lambda: write().shape[1]


serve(build)
