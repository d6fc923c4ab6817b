"""What PEFT calls things, what stands before a name in its files, and how a weight lies there."""

import re

from ...nn import GPTConfig, LlamaConfig
from .. import gpt2, llama

OURS = "LORA_NP"  # the peft_type of what PEFT has no form for; PEFT refuses to load it
EMBEDDINGS = ("wte.", "embed_tokens.")
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


def body_prefix(model):
    return BODY[type(model.config)]


def oriented(name, array, model):
    """A weight between our orientation and that of the model's own files, which PEFT keeps."""
    return llama.turned(name, array) if isinstance(model.config, LlamaConfig) else array


def in_model(name, model):
    """The name that Hugging Face's model has for ours."""
    return name if name.startswith(BESIDE_THE_BODY) else body_prefix(model) + name


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
    if sizes != {value}:
        found = f"are {' and '.join(map(str, sorted(sizes)))} long" if sizes else "are not there"
        raise ValueError(f"{setting} is {value}, and the file's tensors {end[1:]} {found}")
