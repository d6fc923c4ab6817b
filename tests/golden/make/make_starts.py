"""Write shapes/starts.safetensors: LoRA's starts by PEFT, and three steps of its LoRA-FA.

    python tests/golden/make/make_starts.py       needs the `peers` extra

On the tiny Llama of make_shapes.py: A and B of each start (`eva.q_proj.A`, in PEFT's layout), for
q_proj and down_proj, of the two sequences `tokens`, whose gradient is that of Σ logits·dlogits.
"""

import argparse
import dataclasses
import sys

import torch
from make_shapes import HERE, SIZES, base
from peft import EvaConfig, LoraConfig, get_peft_model
from peft.optimizers import create_lorafa_optimizer
from peft.tuners.lora.config import CordaConfig, LoraGAConfig
from safetensors.torch import save_file

sys.modules.setdefault("attr", dataclasses)  # attrs, which PEFT's corda reads and does not ask for
from peft.tuners.lora import corda, eva, loraga  # noqa: E402

LAYERS = {"q_proj": "self_attn", "down_proj": "mlp"}


def started(how, prepare=lambda model, config: None, **more):
    torch.manual_seed(1)
    model = base()
    config = LoraConfig(
        task_type="CAUSAL_LM", r=2, lora_alpha=6, target_modules=[*LAYERS], init_lora_weights=how,
        **more,
    )  # fmt: skip
    prepare(model, config)
    return get_peft_model(model, config)


def factors(model):
    layer, found = model.base_model.model.model.layers[0], {}
    for name, part in LAYERS.items():
        each = getattr(getattr(layer, part), name)
        found[f"{name}.A"], found[f"{name}.B"] = (
            getattr(each, f"lora_{f}")["default"].weight.data.clone() for f in "AB"
        )
    return found


def main():
    torch.manual_seed(0)
    tokens = torch.randint(0, SIZES["vocab_size"], (2, 7))
    dlogits = torch.randn(2, 7, SIZES["vocab_size"])

    def one_by_one(model, config):
        corda.preprocess_corda(model, config, lambda: [model(row[None]) for row in tokens])

    def gradient(model, config):
        loraga.preprocess_loraga(
            model, config, lambda: (model(tokens).logits * dlogits).sum().backward()
        )

    made = {"olora": started("olora")}
    for method in "ipm", "kpm":
        settings = CordaConfig(corda_method=method)
        made[f"corda_{method}"] = started("corda", one_by_one, corda_config=settings)
    made["lora_ga"] = started("lora_ga", gradient, lora_ga_config=LoraGAConfig())
    made["eva"] = started("eva", eva_config=EvaConfig(rho=1.0))
    eva.initialize_lora_eva_weights(made["eva"], [{"input_ids": tokens}], show_progress_bar=False)
    out = {
        f"{n}.{key}": value for n, model in made.items() for key, value in factors(model).items()
    }
    model = started(True)
    out |= {f"start.{key}": value for key, value in factors(model).items()}
    optimizer = create_lorafa_optimizer(model, r=2, lora_alpha=6, lr=0.01)
    for _ in range(3):
        (model(tokens).logits * dlogits).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    out |= {f"lora_fa.{key}": value for key, value in factors(model).items()}
    out = {name: value.contiguous() for name, value in out.items()}
    save_file(out | {"tokens": tokens, "dlogits": dlogits}, HERE / "starts.safetensors")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    torch.compiler.set_stance("force_eager")
    main()
