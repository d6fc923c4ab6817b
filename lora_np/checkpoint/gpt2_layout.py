"""What a GPT-2 directory must hold: settings, names and shapes, and which files they are in."""

from ..nn.gpt import GPTConfig
from .tensors import listed, number, read_json

CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
PREFIX, HEAD = "transformer.", "lm_head.weight"
TANH_GELU = ("gelu_new", "gelu_pytorch_tanh")  # two names of the same formula
MUST_BE = {  # what GPT-2's family may switch on and this model does not have
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "add_cross_attention": False,
}
HUGGING_FACE_DEFAULTS = {  # GPT2Config's, for settings that a config.json leaves out
    "vocab_size": 50257,
    "n_positions": 1024,
    "n_embd": 768,
    "n_layer": 12,
    "n_head": 12,
    "n_inner": None,
    "layer_norm_epsilon": 1e-5,
    "embd_pdrop": 0.1,
    "attn_pdrop": 0.1,
    "resid_pdrop": 0.1,
}


def read_config(directory):
    """(GPTConfig, whether the head is tied) from config.json.

    Raises: ValueError that lists every setting that this model does not have.
    """
    path = directory / CONFIG
    settings = read_json(path)
    wrong = []
    if settings.get("model_type") != "gpt2":
        wrong.append(f"model_type {settings.get('model_type')!r} (expected 'gpt2')")
    if settings.get("activation_function", TANH_GELU[0]) not in TANH_GELU:
        found = settings["activation_function"]
        wrong.append(f"activation_function {found!r} (expected one of {', '.join(TANH_GELU)})")
    for name, value in MUST_BE.items():
        if settings.get(name, value) is not value:
            wrong.append(f"{name} {settings[name]!r} (expected {value})")
    tied = settings.get("tie_word_embeddings", True)
    if not isinstance(tied, bool):
        wrong.append(f"tie_word_embeddings {tied!r} (expected true or false)")
    if wrong:
        raise ValueError(f"{path}: not a model that this library computes: {'; '.join(wrong)}")
    ours = {}
    for field, theirs in HUGGING_FACE_DEFAULTS.items():
        if settings.get(field, theirs) is None and field == "n_inner":
            continue
        ours[field] = number(settings, field, theirs, path)
    try:
        return GPTConfig(**ours), tied
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def shapes(config):
    """{name: shape} of every tensor in a tied GPT-2: its whole state dict, in its own names."""
    d, inner = config.n_embd, config.n_inner or 4 * config.n_embd
    result = {"wte.weight": (config.vocab_size, d), "wpe.weight": (config.n_positions, d)}
    linears = {
        "attn.c_attn": (d, 3 * d),
        "attn.c_proj": (d, d),
        "mlp.c_fc": (d, inner),
        "mlp.c_proj": (inner, d),
    }
    for i in range(config.n_layer):
        for name, shape in linears.items():
            result |= {f"h.{i}.{name}.weight": shape, f"h.{i}.{name}.bias": shape[1:]}
        for norm in ("ln_1", "ln_2"):
            result |= {f"h.{i}.{norm}.weight": (d,), f"h.{i}.{norm}.bias": (d,)}
    return result | {"ln_f.weight": (d,), "ln_f.bias": (d,)}


def weight_files(directory):
    """The one file of weights, or the shards that the index names, each a plain file name."""
    if not (directory / INDEX).is_file():
        if not (directory / WEIGHTS).is_file():
            found = listed(sorted(p.name for p in directory.iterdir()))
            raise ValueError(
                f"no {WEIGHTS} in {directory}: it holds {found}; pickled files (.bin) are not read"
            )
        return [directory / WEIGHTS]
    shards = set(weight_map(directory).values())
    for shard in shards:
        plain = shard not in ("", ".", "..") and not set(shard) & set("/\\:\0")
        if not (plain and shard.endswith(".safetensors")):
            raise ValueError(
                f"{directory / INDEX}: expected plain names of .safetensors files, got {shard!r}"
            )
    return [directory / shard for shard in sorted(shards)]


def weight_map(directory):
    """{tensor: shard} of a sharded model's index."""
    names = read_json(directory / INDEX).get("weight_map")
    if not isinstance(names, dict) or not all(isinstance(shard, str) for shard in names.values()):
        raise ValueError(f"{directory / INDEX}: expected a weight_map of names to file names")
    return names


def check_index(directory, stored):
    """Raise ValueError unless each tensor is in the shard that the index gives for it."""
    if not (directory / INDEX).is_file():
        return
    found = {name: tensor.path.name for name, tensor in stored.items()}
    differ = found.items() ^ weight_map(directory).items()
    if differ:
        names = listed(sorted({name for name, _ in differ}))
        raise ValueError(f"{directory / INDEX}: the shards hold otherwise than it says: {names}")


def without_masks(stored, config):
    """All but the causal masks of old files: `attn.bias` (1, 1, T, T) and `attn.masked_bias` ()."""
    T = config.n_positions
    masks = {"attn.bias": (1, 1, T, T), "attn.masked_bias": ()}
    return {
        name: tensor
        for name, tensor in stored.items()
        if not any(name.endswith(f".{m}") and tensor.shape == shape for m, shape in masks.items())
    }
