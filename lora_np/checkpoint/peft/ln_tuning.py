"""LayerNorm tuning: `LN_TUNING`."""

from ...methods import LNTuning
from ...methods.parts.ln_tuning import matching_norms
from .names import body_prefix
from .targets import check_names

IGNORES, OWN = ("exclude_modules",), ".ln_tuning_layers."


def config(method):
    targets = (method.targets,) if isinstance(method.targets, str) else method.targets
    return {"peft_type": "LN_TUNING", "target_modules": targets and list(targets)}


def method_from(config, shapes, model):
    """Where `target_modules` is a pattern, the norms are those that the file has numbers for."""
    if config["peft_type"] == "LN_TUNING":
        targets = config.get("target_modules")
        if isinstance(targets, str):
            targets = [*dict.fromkeys(name.split(OWN)[0] for name in shapes if OWN in name)]
        if targets is not None:
            check_names(targets)
        return LNTuning(targets and tuple(t.removeprefix(body_prefix(model)) for t in targets))


def arrays(model):
    own = next(method for method in model.methods if isinstance(method, LNTuning))
    return {
        f"{name}{OWN}{key}": parameter.data
        for name, norm in matching_norms(model, own.targets).items()
        for key, parameter in norm.named_parameters()
    }
