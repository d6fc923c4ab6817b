"""What PEFT calls things, and what stands before a name in its files."""

from ...nn import GPTConfig, LlamaConfig
from .. import gpt2, llama

OURS = "LORA_NP"  # the peft_type of what PEFT has no form for; PEFT refuses to load it
EMBEDDINGS = ("wte.", "embed_tokens.")
PROMPT = "prompt_embeddings"  # the one name that nothing stands before
# What PEFT writes down of the model that a prompt or prefix belongs to.
SIZES = "token_dim", "num_transformer_submodules", "num_attention_heads", "num_layers"
DEFAULT_TARGETS = {GPTConfig: ("c_attn",), LlamaConfig: ("q_proj", "v_proj")}  # PEFT's, for LoRA
BODY = {GPTConfig: gpt2.PREFIX, LlamaConfig: llama.PREFIX}
PREFIX, BESIDE_THE_BODY = "base_model.model.", ("lm_head.", "score.")


def body_prefix(model):
    return BODY[type(model.config)]


def to_file(name, body):
    """Our dotted name, behind what PEFT puts before it."""
    if name == PROMPT:
        return name
    return PREFIX + (name if name.startswith(BESIDE_THE_BODY) else body + name)


def from_file(stored, body, directory):
    """{our name: tensor}; files of the bare body have not `body` in their names."""
    result = {}
    for name, tensor in stored.items():
        short = name.removeprefix(PREFIX).removeprefix(body)
        if short in result:
            raise ValueError(f"{directory}: {name} and {result[short].name} are the same")
        result[short] = tensor
    return result
