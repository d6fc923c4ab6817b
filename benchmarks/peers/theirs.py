"""The torch side: transformers' GPT-2, PEFT's LoRA, bitsandbytes' 4-bit weights on the CPU."""

import os
import tempfile
import zlib

import bitsandbytes.functional as bnb
import torch
from bitsandbytes import cextension
from bitsandbytes.backends.cpu import ops as cpu_ops
from common import draw_tokens, factors, fill, matrix, serve, sizes, summary
from peft import LoraConfig, get_peft_model
from transformers import BitsAndBytesConfig, DynamicCache, GPT2Config, GPT2LMHeadModel, logging

logging.set_verbosity_error()
torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))


def build(kind, shape):
    if kind.startswith("nf4"):
        return rounder(kind, torch.from_numpy(matrix(shape)))
    kind, compiled = kind.removesuffix("-compiled"), kind.endswith("-compiled")
    config, T, B = sizes(shape)
    no_dropout = {"attn_pdrop": 0, "embd_pdrop": 0, "resid_pdrop": 0}
    model = GPT2LMHeadModel(GPT2Config(**config, **no_dropout))
    named = model.transformer.named_parameters()
    fill({name: parameter.detach().numpy() for name, parameter in named})
    if kind.startswith("generate"):
        return writers(kind, model.eval(), torch.from_numpy(draw_tokens(1, 8)))
    if kind == "qlora":
        model = in_four_bits(model)
    if kind != "full":
        lora = {"r": 8, "lora_alpha": 16, "target_modules": ["c_attn"]}
        model = get_peft_model(model, LoraConfig(**lora, fan_in_fan_out=kind == "lora"))
        with torch.no_grad():
            for block, (A, B_) in zip(model.base_model.model.transformer.h, factors(config)):
                block.attn.c_attn.lora_A["default"].weight.copy_(torch.from_numpy(A.T))
                block.attn.c_attn.lora_B["default"].weight.copy_(torch.from_numpy(B_.T))
    model.train()
    learns = {n: p for n, p in model.named_parameters() if p.requires_grad}
    forward = torch.compile(model) if compiled else model  # of one shape: compiled in the check
    tokens = torch.from_numpy(draw_tokens(B, T + 1))
    inputs, targets = tokens[:, :-1], tokens[:, 1:]
    optimizer = torch.optim.AdamW(learns.values(), lr=1e-4, weight_decay=0.0)

    def gradients():
        logits = forward(input_ids=inputs).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        return loss

    def check():
        loss = float(gradients().detach())
        result = {our_name(n): summary(as_ours(n, p.grad)) for n, p in learns.items()}
        optimizer.zero_grad()
        return {"loss": loss, "gradients": result, **(kernels() if kind == "qlora" else {})}

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


def kernels():
    """Whether bitsandbytes' compiled library and its fused 4-bit product loaded."""
    compiled = not isinstance(cextension.lib, cextension.ErrorHandlerMockBNBNativeLibrary)
    fused = getattr(cpu_ops, "gemm_4bit_forward_kernel", None) is not None
    return {"kernels": {"compiled": compiled, "fused": fused}}


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
            prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=n,
            min_new_tokens=n,
            do_sample=False,
            pad_token_id=0,
            eos_token_id=None,
        )[:, prompt.shape[1] :]

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


def rounder(kind, weight):
    """bitsandbytes' NF4, both ways."""

    def quantize():
        return bnb.quantize_4bit(weight, blocksize=64, quant_type="nf4")

    quantized = quantize()

    def check():
        codes, values = quantized[0].numpy(), bnb.dequantize_4bit(*quantized).numpy()
        return {"bits": [zlib.crc32(codes), zlib.crc32(values)]}

    def step():
        quantize() if kind == "nf4-quantize" else bnb.dequantize_4bit(*quantized)
        return 1

    return check, step


serve(build, lambda a, b: torch.from_numpy(a) @ torch.from_numpy(b))
