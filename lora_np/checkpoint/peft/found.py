"""What an adapter's folder holds, where it is not what is read here: said in words."""

from ...nn import GPTConfig
from ..safetensors_io import listed

WEIGHTS = "adapter_model.safetensors"
OTHER_FORMS = {  # a part of a file's name: what that file is
    ".bin": "is a pickle, which can run code and is never read; load it with PEFT and save it "
    "again with save_pretrained, which writes safetensors",
    ".pt": "is a pickle, which can run code and is never read",
    "adapters.safetensors": "is in mlx-lm's form, and the settings beside it are PEFT's",
    "adapters.": "is in mlx-lm's old form, which is not read here; its safetensors are",
    "-of-": "is one of several shards, which are not read here; load them with PEFT and save "
    "again with a larger max_shard_size",
    ".index.json": "names shards, which are not read here",
    ".gguf": "is in llama.cpp's form, and not alone: name the file that is meant",
}
OF_A_GPT, OF_A_LLAMA = (
    (".c_attn.", ".c_proj.", ".c_fc.", ".ln_"),
    (".self_attn.", "_proj.", "norm."),
)


def weights_in(directory):
    """The file of an adapter's numbers. Raises: ValueError that says what is there instead."""
    path = directory / WEIGHTS
    if path.is_file():
        return path
    names = sorted(p.name for p in directory.iterdir())
    known = [f"{n} {what}" for part, what in OTHER_FORMS.items() for n in names if part in n]
    found = known[0] if known else f"it holds {listed(names)}"
    raise ValueError(f"no {WEIGHTS} in {directory}: {found}")


def check_base(directory, config, names, model):
    """Raise ValueError where the tensors' names are those of another kind of model."""
    gpt, llama = (
        sum(part in f".{name}" for name in names for part in parts)
        for parts in (OF_A_GPT, OF_A_LLAMA)
    )
    is_gpt = isinstance(model.config, GPTConfig)
    if gpt == llama or is_gpt == (gpt > llama):
        return
    trained_on, this, hint = ("a GPT-2", "a Llama", "another --base, or none")
    if is_gpt:
        trained_on, this, hint = ("a Llama", "a GPT-2", "--base smollm2")
    raise ValueError(
        f"{directory} was trained on {trained_on}{called(config)}, and this is {this}; "
        f"did you mean {hint}?"
    )


def called(config):
    """The name of the model that an adapter was trained on, if its settings have it."""
    name = config.get("base_model_name_or_path")
    return f" ({name[:200]!r})" if isinstance(name, str) and name else ""
