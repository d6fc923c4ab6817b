"""Write shapes/*: for each method with a form, what PEFT says on one tiny Llama.

    python tests/golden/make/make_shapes.py [NAME]       needs the `peers` extra

The Llama's linear layers are rectangular (12 → 16, 12 → 8, 16 → 12, 20 → 12), so nothing transposed
goes unseen. Each folder holds PEFT's files, and in `expected.safetensors` the logits, the gradient
of Σ logits·dlogits for every number that learns (`grad.`, under the file's own names and in its
layout), and the merged weights (`merged.`). PEFT computes in float64 from what it saved in float32.
"""

import argparse
from pathlib import Path

import peft
import torch
from make_hf_llama import moved, sort_lists
from peft import get_peft_model, get_peft_model_state_dict
from peft.tuners.boft import layer as boft
from peft.tuners.c3a import layer as c3a
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
    "oft": (peft.OFTConfig, {"oft_block_size": 4}),
    "oft_exact": (peft.OFTConfig, {"oft_block_size": 6, "use_cayley_neumann": False}),
    "boft": (peft.BOFTConfig, {"boft_block_size": 2, "boft_n_butterfly_factor": 2}),
    "boft_three": (
        peft.BOFTConfig,
        {"boft_block_size": 2, "boft_n_butterfly_factor": 3, "target_modules": ["o_proj"]},
    ),
    "hra": (peft.HRAConfig, {"r": 4}),
    "road": (peft.RoadConfig, {"group_size": 4}),
    "road_2": (peft.RoadConfig, {"group_size": 4, "variant": "road_2"}),
    "road_4": (peft.RoadConfig, {"group_size": 4, "variant": "road_4"}),
    "fourierft": (peft.FourierFTConfig, {"n_frequency": 20, "scaling": 20.0}),
    "shira": (peft.ShiraConfig, {"r": 2, "random_seed": 5}),
    "c3a": (peft.C3AConfig, {"block_size": 4}),
    "miss": (peft.MissConfig, {"r": 5}),
    "miss_mini": (peft.MissConfig, {"r": 5, "init_weights": "mini", "mini_r": 4}),
    "ln_tuning": (peft.LNTuningConfig, {"target_modules": ["input_layernorm", "norm"]}),
    "p_tuning": (peft.PromptEncoderConfig, {"num_virtual_tokens": 3, "encoder_hidden_size": 5}),
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


class BlockDiagonal:
    """What PEFT's CUDA extension computes for BOFT: without it, it makes one factor at most."""

    def forward(self, blocks):
        return [torch.stack([torch.block_diag(*each) for each in blocks])]

    def backward(self, gradient, blocks):
        n, d, b, _ = blocks.shape
        split = gradient.view(n, d, b, d, b)
        return [torch.stack([split[:, i, :, i] for i in range(d)], dim=1)]


def plain_convolution(x, w):
    """The forward pass of PEFT's BlockCircularConvolution, whose own backward is wrong for x."""
    x = x.reshape(*x.shape[:-1], *w.shape[1:])
    y = torch.einsum("...nb,mnb->...mb", torch.fft.ifft(x), torch.fft.fft(w))
    return torch.fft.fft(y).real.flatten(-2)


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
    virtual = settings.get("num_virtual_tokens", 0)
    torch.manual_seed(len(name))
    settings = ({} if virtual else TARGETS) | settings
    model = get_peft_model(base(), kind(task_type="CAUSAL_LM", **settings))
    model.peft_config["default"].base_model_name_or_path = "base"
    learns = [p for p in model.parameters() if p.requires_grad]
    with torch.no_grad():
        for p in learns:
            p += 0.3 * torch.randn_like(p)
    model.save_pretrained(HERE / name)
    sort_lists(HERE / name / "adapter_config.json")
    (HERE / name / "README.md").unlink(missing_ok=True)
    tokens = torch.randint(0, SIZES["vocab_size"], (2, 7 - virtual))
    dlogits = torch.randn(2, 7 - virtual, SIZES["vocab_size"])
    more = {}
    if virtual:
        more = of_the_encoder(model.double(), tokens, dlogits)
        model = peft.PeftModel.from_pretrained(base(), HERE / name)  # holds the prompt alone
        model.prompt_encoder["default"].embedding.weight.requires_grad_(True)
    if name == "c3a":
        more = theirs_of_c3a(model, tokens, dlogits)
    model = model.double().eval()
    learns = [p for p in model.parameters() if p.requires_grad]
    logits = model(tokens).logits[:, virtual:]
    (logits * dlogits).sum().backward()
    expected = {"logits": logits.detach(), "dlogits": dlogits} | more
    if virtual:
        (prompt,) = learns
        expected["grad.prompt_embeddings"] = prompt.grad
        return write(name, tokens, expected)
    ones = in_the_file(model, learns, {id(p): torch.full_like(p, torch.nan) for p in learns})
    grads = in_the_file(model, learns, {id(p): p.grad for p in learns})
    expected |= {f"grad.{n}": g for n, g in grads.items() if ones[n].isnan().any()}
    with torch.no_grad():
        merged = model.merge_and_unload()
        own = dict(base().named_parameters())
        for n, p in merged.named_parameters():
            if not torch.equal(p.float(), own[n]):
                expected[f"merged.{n}"] = p.detach()
    if name == "adalora":
        allocate(tokens, dlogits)
    write(name, tokens, expected)


def write(name, tokens, expected):
    expected = {n: t.detach().float().contiguous().clone() for n, t in expected.items()}
    save_file(expected | {"tokens": tokens}, HERE / name / "expected.safetensors")


def gradients(model, tokens, dlogits):
    """{name: gradient}; the logits of a prompt's own positions are cut off."""
    logits = model(tokens).logits[:, -tokens.shape[1] :]
    (logits * dlogits).sum().backward()
    learns = {n: p for n, p in model.named_parameters() if p.requires_grad}
    return {n.replace(".default", ""): p.grad for n, p in learns.items()}


def of_the_encoder(model, tokens, dlogits):
    """The numbers of the network that writes a prompt, which no file holds, and their gradients."""
    numbers = {n: p for n, p in model.prompt_encoder["default"].named_parameters()}
    grads = gradients(model.eval(), tokens, dlogits)
    return {f"encoder.{n}": p for n, p in numbers.items()} | {
        f"encoder_grad.{n.removeprefix('prompt_encoder.')}": g for n, g in grads.items()
    }


def theirs_of_c3a(model, tokens, dlogits):
    """C3A's gradients as PEFT has them; afterwards it takes autograd's, of its own forward pass."""
    theirs = gradients(model.eval(), tokens, dlogits)
    model.zero_grad()
    c3a.BlockCircularConvolution = type("Plain", (), {"apply": staticmethod(plain_convolution)})
    return {f"peft_grad.{n}": g for n, g in theirs.items()}


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
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="these alone")
    names = parser.parse_args().names
    boft._FBD_CUDA = BlockDiagonal()
    torch.compiler.set_stance("force_eager")
    if not (HERE / "base").exists():
        make_base()
    for name in names or METHODS:
        make(name)
