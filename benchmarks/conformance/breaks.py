"""Each break of the table in a few lines, as one would put them into a report.

    python benchmarks/conformance/breaks.py      run them, and keep what they print

`SAME` are breaks that are one mistake with another. Each piece of code stands alone.
"""

import argparse
import contextlib
import io
import json
import textwrap
import warnings
from pathlib import Path

RESULTS = Path(__file__).parents[1] / "results" / "conformance_breaks.json"

BASE_PATH = """
    import torch
    from lora_pytorch import LoRA

    below = torch.nn.Linear(2, 2)
    above = LoRA.from_module(torch.nn.Linear(2, 2), rank=1)  # B = 0: it is its base
    above(below(torch.ones(1, 2))).sum().backward()
    print(below.weight.grad.abs().max().item())
"""
LYCORIS_DROPOUT = """
    import torch
    from lycoris.modules.locon import LoConModule

    layer = LoConModule("lora", torch.nn.Linear(64, 64), lora_dim=2, alpha=2, dropout=0.5).train()
    torch.nn.init.normal_(layer.lora_up.weight)
    x = torch.ones(1, 64)
    print(torch.equal(layer(x), layer(x)))
"""
BOTH = """
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    config = LoraConfig(r=4, lora_alpha=2, target_modules=["0"], {option}, init_lora_weights=False)
    model = get_peft_model(torch.nn.Sequential(torch.nn.Linear(8, 8)), config)
    {more}x, base = torch.ones(1, 8), model.base_model.model[0].base_layer
    alone = model(x) - base(x)
    model.add_weighted_adapter(["default"], [1.0], "same", combination_type="cat")
    model.set_adapter("same")
    print(((model(x) - base(x)).norm() / alone.norm()).item().__round__(3))
"""
TORCHTUNE_BIAS = """
    import torch
    from torchtune.modules.peft import DoRALinear

    layer = DoRALinear(2, 2, rank=1, alpha=1, use_bias=True)
    layer.initialize_dora_magnitude()
    layer.magnitude.data *= 2  # twice as long weights; the bias has no part in it
    print((layer(torch.zeros(1, 2)) / layer.bias).detach())
"""
BNB_SHAPE = """
    import torch
    import bitsandbytes.functional as F

    back = [F.dequantize_4bit(*F.quantize_4bit(torch.ones(n), quant_type="nf4")) for n in (64, 65)]
    print([tuple(each.shape) for each in back])
"""
UNEXPECTED = """
    import tempfile, warnings
    import torch
    from peft import LoraConfig, PeftModel, get_peft_model
    from safetensors.torch import load_file, save_file

    def net():
        return torch.nn.Sequential(torch.nn.Linear(4, 4))

    folder = tempfile.mkdtemp()
    get_peft_model(net(), LoraConfig(target_modules=["0"])).save_pretrained(folder)
    path = folder + "/adapter_model.safetensors"
    save_file({**load_file(path), "another.layer.lora_A.weight": torch.ones(8, 4)}, path)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        PeftModel.from_pretrained(net(), folder)
    print([str(each.message) for each in said if "another" in str(each.message)])
"""
CODE = {
    "PEFT LoRA: an_unexpected_key_is_loud": (
        UNEXPECTED,
        "a tensor that no layer takes, as of an adapter for another model, is dropped in silence",
    ),
    "lora-pytorch: dx_is_the_derivative": (
        BASE_PATH, "the base runs under no_grad, so what lies below learns through the branch alone"
    ),
    "LyCORIS LoCon: dropout_keeps_the_mean": (
        LYCORIS_DROPOUT, "with a dropout of 0.5 two passes in training should differ"
    ),
    "PEFT rsLoRA: one_adapter_at_weight_one_is_itself": (
        BOTH.format(option="use_rslora=True", more=""),
        "1.0 is right, and √r is what comes of α = r under rsLoRA",
    ),
    "PEFT DoRA: one_adapter_at_weight_one_is_itself": (
        BOTH.format(
            option="use_dora=True",
            more="model.base_model.model[0].lora_magnitude_vector.default.weight.data *= 2\n    ",
        ),
        "1.0 is right; the lengths are not carried over",
    ),
    "torchtune DoRALinear: dora_leaves_the_bias_alone": (TORCHTUNE_BIAS, "ones are right"),
    "bitsandbytes NF4: the_shape_comes_back": (BNB_SHAPE, "(64,) and (65,) went in"),
}  # fmt: skip
COMBINED = "one_adapter_at_weight_one_is_itself"
SAME = {
    **{
        f"PEFT {name}: an_unexpected_key_is_loud": "PEFT LoRA: an_unexpected_key_is_loud"
        for name in ("rsLoRA", "DoRA", "DoRA on Conv1D", "IA3")
    },
    **{
        f"PEFT {name}: {law}": f"PEFT {name.split()[0]}: {COMBINED}"
        for name in ("rsLoRA", "DoRA", "DoRA on Conv1D")
        for law in (
            "a_combination_adds_the_products",
            "a_combination_is_linear_in_its_weights",
            "a_negative_weight_takes_away",
            "ranks_and_scales_may_differ",
            *((COMBINED,) if name == "DoRA on Conv1D" else ()),
        )
    },
    "LyCORIS rsLoRA: dropout_keeps_the_mean": "LyCORIS LoCon: dropout_keeps_the_mean",
}


def printed(code):
    """What the code prints, run in names of its own."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "<by hand>", "exec"), {})
    return said.getvalue().strip()


def main():
    warnings.simplefilter("ignore")
    kept = {}
    for name, (code, right) in CODE.items():
        code = textwrap.dedent(code).lstrip()
        try:
            kept[name] = {"code": code, "printed": printed(code), "right": right}
        except ImportError as missing:
            print(f"{name}: left out, {missing}")
            continue
        print(f"{name}: {kept[name]['printed']}", flush=True)
        RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
