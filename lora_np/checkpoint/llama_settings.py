"""A Llama's settings in config.json, both ways: Llama's own, Mistral's, Qwen2's and Qwen3's.

What transformers computes from a file is what they mean, and its defaults stand for what a file
leaves out. A setting that changes what is computed and that this model does not have is refused.
"""

import dataclasses
from functools import partial

from ..nn.llama_config import FULL, OPTIONS, SLIDING, LlamaConfig
from ..nn.rotary import SCALINGS
from ..system.checks import said_of
from .bitsandbytes import MUST_BE as BNB
from .hf_directory import ANY, check_settings, disagreements

ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "mistral": "MistralForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
FALSE = (False,)
MUST_BE: dict = {  # in every kind; what one of them may switch on is OPTIONS' and `must_be`'s
    "hidden_act": ("silu",),
    "pretraining_tp": (1,),
    "partial_rotary_factor": (None, 1.0),
    "quantization_config": BNB,
    "tie_word_embeddings": (False, True),
    "attention_bias": FALSE,
    "mlp_bias": FALSE,
}
ROPE = {"rope_theta": ANY, "partial_rotary_factor": (1.0,), "finetuned": ANY}  # of any type
SLIDES: dict = {"use_sliding_window": False, "sliding_window": 4096, "max_window_layers": 28}
LLAMA: dict = {"vocab_size": 32000, "hidden_size": 4096, "intermediate_size": 11008}
LLAMA |= {"num_hidden_layers": 32, "num_attention_heads": 32, "rope_theta": 10000.0}
LLAMA |= {"max_position_embeddings": 2048, "rms_norm_eps": 1e-6, "attention_dropout": 0.0}
QWEN2 = LLAMA | SLIDES | {"vocab_size": 151936, "intermediate_size": 22016}
QWEN2 |= {"num_key_value_heads": 32, "max_position_embeddings": 32768}
DEFAULTS: dict = {  # transformers', for settings that a config.json leaves out
    "llama": LLAMA,
    "mistral": LLAMA
    | {"intermediate_size": 14336, "max_position_embeddings": 131072}
    | {"num_key_value_heads": 8, "sliding_window": 4096},
    "qwen2": QWEN2,
    "qwen3": QWEN2 | {"head_dim": 128},
}
SIZES = LLAMA | dict.fromkeys(("num_key_value_heads", "head_dim", "sliding_window"))
MOST_LAYERS = 10_000  # more are a mistake, and their types would be a long list


def read_config(settings, path):
    """(the LlamaConfig, whether the head is tied) of config.json's settings.

    Raises: ValueError that lists every setting that this model does not have.
    """
    kind = settings.get("model_type")
    if kind not in tuple(OPTIONS):
        expected = " or ".join(map(repr, OPTIONS))
        raise ValueError(f"{path}: model_type {kind!r} (expected {expected})")
    settings = DEFAULTS[kind] | settings
    rope = settings.get("rope_scaling") or settings.get("rope_parameters") or {}
    allowed = must_be(kind, settings)
    wrong = disagreements(settings, allowed)
    if wrong:
        raise ValueError(f"{path}: not a model that this library computes: {'; '.join(wrong)}")
    with said_of(path):
        options = {"rope_scaling": scaling_of(rope)} | sliding(kind, settings)
    options |= {"model_type": kind}
    options |= {name: settings[name] for name in ("attention_bias", "mlp_bias") if name in settings}
    settings |= {"sliding_window": options.pop("sliding_window")}
    if rope.get("rope_theta") is not None:  # what transformers takes, were there two
        settings |= {"rope_theta": rope["rope_theta"]}
    return check_settings(settings, path, partial(LlamaConfig, **options), allowed, SIZES)


def must_be(kind, settings):
    """{setting: its possible values} for a model of this kind, as `disagreements` reads it."""
    options = {name: (False, True) for name in ("attention_bias", "mlp_bias")}
    allowed = MUST_BE | {n: values for n, values in options.items() if n in OPTIONS[kind]}
    allowed |= {"model_type": (kind,)}
    if "layer_types" in OPTIONS[kind]:
        allowed |= {"use_sliding_window": (False, True)}
    for name in ("rope_scaling", "rope_parameters"):
        rope = settings.get(name)
        allowed |= {name: rope_must_be(rope if isinstance(rope, dict) else {})}
        if isinstance(rope, dict) and "original_max_position_embeddings" in allowed[name]:
            within = rope.get("original_max_position_embeddings")  # transformers prefers the outer
            allowed |= {"original_max_position_embeddings": (None, within)}
    return allowed


def rope_type(rope):
    """Its name, whatever stands there: what is no string is no name that is known."""
    kind = rope.get("rope_type") or rope.get("type") or "default"
    return kind if isinstance(kind, str) else repr(kind)


def rope_must_be(rope):
    """What such an object may say: what all of its type say, and what their scaling needs."""
    kind, known = rope_type(rope), ("default", *SCALINGS)
    types = dict.fromkeys(("rope_type", "type"), (kind,) if kind in known else known)
    own = [field.name for field in dataclasses.fields(SCALINGS[kind])] if kind in SCALINGS else []
    return types | ROPE | dict.fromkeys(own, ANY)


def scaling_of(rope):
    """The scaling that rope_scaling or rope_parameters describes, or None."""
    kind = SCALINGS.get(rope_type(rope))
    if kind is None:
        return None
    given = {}
    for field in dataclasses.fields(kind):
        value = rope.get(field.name)
        if value is None and field.default is dataclasses.MISSING:
            raise ValueError(f"rope_type {rope_type(rope)!r} needs a {field.name}")
        if value is not None:
            given[field.name] = tuple(value) if isinstance(value, list) else value
    return kind(**given)


def sliding(kind, settings):
    """{sliding_window, layer_types}: as transformers makes them of what its files say."""
    window = settings.get("sliding_window") if "sliding_window" in OPTIONS[kind] else None
    layers, count = settings.get("layer_types"), settings["num_hidden_layers"]
    if type(count) is not int or count > MOST_LAYERS:
        raise ValueError(f"expected num_hidden_layers up to {MOST_LAYERS:,}, got {count!r}")
    if not (layers is None or isinstance(layers, list) and all(type(x) is str for x in layers)):
        raise ValueError(f"expected layer_types to be a list of names, got {str(layers)[:40]}")
    if "layer_types" in OPTIONS[kind]:
        window = window if settings["use_sliding_window"] else None
        if layers is None and window is not None:
            layers = by_depth(count, settings["max_window_layers"])
    elif layers and set(layers) != {FULL if window is None else SLIDING}:
        raise ValueError(f"layer_types: a {kind} with sliding_window {window} has not {layers[:9]}")
    else:
        layers = None

    def everywhere(kind):
        return layers is not None and len(layers) == count and set(layers) == {kind}

    if everywhere(FULL):
        window, layers = None, None
    elif everywhere(SLIDING) and window is not None:
        layers = None
    return {"sliding_window": window, "layer_types": None if layers is None else tuple(layers)}


def by_depth(count, first):
    """The types of `count` layers of which the `first` ones see everything."""
    if type(first) is not int:
        raise ValueError(f"expected max_window_layers to be a whole number, got {first!r}")
    return [FULL if i < first else SLIDING for i in range(count)]


def written(config):
    """config.json's settings for this config: those of its kind, and no others."""
    kind, options = config.model_type, {name for names in OPTIONS.values() for name in names}
    settings = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    settings = {n: v for n, v in settings.items() if n not in options or n in OPTIONS[kind]}
    scaling = settings.pop("rope_scaling")
    if scaling is not None:
        [name] = [name for name, each in SCALINGS.items() if isinstance(scaling, each)]
        said = {n: v for n, v in dataclasses.asdict(scaling).items() if v is not None}
        settings["rope_scaling"] = {"rope_type": name} | said
    if "layer_types" in OPTIONS[kind]:
        layers = (
            config.layer_types or (SLIDING if config.sliding_window else FULL,) * config.n_layer
        )
        settings["use_sliding_window"] = config.sliding_window is not None
        settings["layer_types"] = layers
        settings["max_window_layers"] = (*layers, SLIDING).index(SLIDING)
    return settings
