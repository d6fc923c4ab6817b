"""What PEFT calls things, what stands before a name in its files, and how a weight lies there."""

import re

from ...methods import LoRA
from ...methods.targets import shares_table
from ...nn import GPTConfig, LlamaConfig
from .. import gpt2, llama

OURS = "LORA_NP"  # the peft_type of what PEFT has no form for; PEFT refuses to load it
TABLES = {GPTConfig: ("wte", "lm_head"), LlamaConfig: ("embed_tokens", "lm_head")}  # of tokens
EMBEDDINGS = tuple(f"{first}." for first, _ in TABLES.values())
PROMPT = "prompt_embeddings"  # the one name that nothing stands before
# What PEFT writes down of the model that a prompt or prefix belongs to.
SIZES = "token_dim", "num_transformer_submodules", "num_attention_heads", "num_layers"
DEFAULT_TARGETS = {GPTConfig: ("c_attn",), LlamaConfig: ("q_proj", "v_proj")}  # PEFT's, for LoRA
DEFAULT_IA3 = {  # PEFT's, the last one with its scale before the layer
    GPTConfig: ("c_attn", "mlp.c_proj"),
    LlamaConfig: ("k_proj", "v_proj", "down_proj"),
}
BODY = {GPTConfig: gpt2.PREFIX, LlamaConfig: llama.PREFIX}
WHOLE = "base_model."  # before the names of tensors that all layers share, as no layer's is
PREFIX, BESIDE_THE_BODY = "base_model.model.", ("lm_head.", "score.")
ADAPTER = re.compile(r"(\.modules_to_save)?\.default(?=\.|$)")  # left in by tools that are not PEFT


def tables(model):
    """What the tokens' embedding and the head are called."""
    return TABLES[type(model.config)]


def body_prefix(model):
    return BODY[type(model.config)]


def oriented(name, array, model):
    """A weight between our orientation and that of the model's own files, which PEFT keeps."""
    return llama.turned(name, array) if isinstance(model.config, LlamaConfig) else array


def in_model(name, model):
    """The name that Hugging Face's model has for our parameter or module."""
    return name if f"{name}.".startswith(BESIDE_THE_BODY) else body_prefix(model) + name


def in_modules(name, config, model, start=""):
    """Whether the parameter `name` is in a module that `modules_to_save` means: PEFT takes each
    whose dotted name ends so; with `start` a dot, where a word begins."""
    parts = in_model(name, model).split(".")[:-1]
    holders = [start + ".".join(parts[: i + 1]) for i in range(len(parts))]
    saved = config.get("modules_to_save") or []
    return any(holder.endswith(start + module) for holder in holders for module in saved)


def kept_tied(config, model, setting="modules_to_save"):
    """Whether PEFT's `ensure_weight_tying` makes one of what `setting` adapts: the embedding and
    the head, if the head reads the embedding's table."""
    named = config.get(setting) or []
    ends = {name.split(".")[-1] for name in named if isinstance(named, list)}
    return bool(config.get("ensure_weight_tying") and ends & {*tables(model)}) and shares_table(
        model
    )


def token_adapter(model):
    """What PEFT has in the name of a table of which some rows learn beside LoRA."""
    return ".token_adapter" if any(isinstance(m, LoRA) for m in model.methods) else ""


def to_file(name, model):
    """Our dotted name, behind what PEFT puts before it."""
    return name if name == PROMPT or name.startswith(WHOLE) else PREFIX + in_model(name, model)


def from_file(stored, body, directory):
    """{our name: tensor}; files of the bare body have not `body` in their names."""
    result = {}
    for name, tensor in stored.items():
        short = ADAPTER.sub("", name).removeprefix(PREFIX).removeprefix(body)
        short = short.replace(".lora_magnitude_vector.weight", ".lora_magnitude_vector")
        if short in result:
            raise ValueError(f"{directory}: {name} and {result[short].name} are the same")
        result[short] = tensor
    return result


def check_size(setting, value, shapes, end, axis):
    """Raise ValueError unless the file's tensors named `end` are `value` long along `axis`.

    Before a layer of that size is made: a config may ask for more than there is memory.
    """
    sizes = {shape[axis] for name, shape in shapes.items() if name.endswith(end) if shape[axis:]}
    if not sizes or any(size != value for size in sizes):
        found = f"are {' and '.join(map(str, sorted(sizes)))} long" if sizes else "are not there"
        raise ValueError(f"{setting} is {value}, and the file's tensors {end[1:]} {found}")
