"""Weights and their settings, as `fuzz_guided` fuzzes them."""

import functools
import json

import numpy as np

from golden.readers import golden_shapes, other_adapters
from golden.readers.golden_hf import GOLDEN
from helpers.gguf_files import write_gguf
from helpers.llamas import small_llama
from helpers.tokenizer_files import TEMPLATE
from lora_np import GPT, GPTConfig, LoRA
from lora_np.checkpoint import gguf, load_adapter, load_llama, load_tokenizer
from lora_np.checkpoint.bitsandbytes import read_state, state_of
from lora_np.checkpoint.llama_settings import read_config, written
from lora_np.checkpoint.safetensors_check import check_by_rules, check_file
from lora_np.checkpoint.safetensors_io import open_tensors, read_json
from lora_np.nn import LlamaConfig
from lora_np.train.adamw_8bit import AdamW8bit
from lora_np.train.history import History
from lora_np.train.resume import load_state, save_state
from robustness import fuzz_states
from robustness.damage import change_header, change_json, change_numbers
from robustness.fuzz_kind import Kind, beside, copied, file_of

CONFIG = LlamaConfig(7, 32, 32, 1, 2, max_position_embeddings=16)
MODEL, ADAPTER = "model.gguf", "adapter.gguf"


def gguf_files(place):
    template = {"chat_template": TEMPLATE, "bos_token_id": 1, "eos_token_id": 1}
    for kind, tokenizer in ((None, {}), ("Q8_0", template | {"add_bos_token": True})):
        write_gguf(place / "made", small_llama(CONFIG, np.float32), kind, tokenizer=tokenizer)
        yield (place / "made").read_bytes()


def use_gguf(place):
    open_fresh()
    load_llama(place / MODEL)
    load_tokenizer(place / MODEL).encode("ab 12 caf\u00e9 <|im_end|>")


def open_fresh():
    """Within one tick of a file system's clock, a file of the same size would pass for the last."""
    gguf._open.cache_clear()


def adapter_gguf(place):
    base = other_adapters.base_of("llama")
    other_adapters.as_converted(place / "made.gguf", other_adapters.adapted(base))
    data = (place / "made.gguf").read_bytes()
    (place / "made.gguf").unlink()
    return [data]


def onto(kind):
    base = functools.cache(lambda: other_adapters.base_of(kind))

    def loads(place):
        open_fresh()
        load_adapter(base(), place)

    return loads


def mlx(name, file, damage):
    folder = other_adapters.HERE / name
    return Kind(
        file_of(folder / file),
        beside(onto(other_adapters.CASES[name][0]), file, copied(folder)),
        damage,
    )


def marked(change):
    """Damage behind the byte that says which of the forms it is."""
    return lambda data, rng: data[:1] + change(data[1:], rng)


def peft(file, damage):
    """Every form of golden/data/shapes; the first byte says which."""
    folders = [golden_shapes.SHAPES / name for name in golden_shapes.NAMES]

    def seeds(place):
        return [bytes([i]) + (at / file).read_bytes() for i, at in enumerate(folders)]

    def reader(place):
        base, files = load_llama(golden_shapes.SHAPES / "base"), [copied(at) for at in folders]
        for i, write in enumerate(files):
            (place / str(i)).mkdir()
            write(place / str(i))

        def reads(data):
            if data:
                at = place / str(data[0] % len(folders))
                before = (at / file).read_bytes()
                (at / file).write_bytes(data[1:])
                try:
                    load_adapter(base, at)
                finally:
                    (at / file).write_bytes(before)

        return reads

    return Kind(seeds, reader, marked(damage))


SHAPE = GPTConfig(vocab_size=7, n_positions=8, n_embd=64, n_layer=1, n_head=2)


def training(rng=0):
    """A model in training whose optimizer holds moments in 8 bits."""
    rng = np.random.default_rng(rng)
    model = LoRA(64, 3.0).apply(GPT(SHAPE, rng), rng)
    return model, AdamW8bit(model.trainable_parameters()), rng


def states(place):
    model, optimizer, rng = training()
    history = History([1.5], [1.0], [{"step": 0, "code": 1.5}], 0.5, 0.25)
    save_state(place / "made", model, optimizer, rng, history)
    return [(place / "made").read_bytes()]


def use_state(place):
    """Refused with nothing written, or written whole; and then a step is finite."""
    model, optimizer, rng = STATE()
    before = [a.tobytes() for a in optimizer.state().values()]
    try:
        load_state(place / "state", model, optimizer, rng)
    except ValueError:
        assert before == [a.tobytes() for a in optimizer.state().values()]
        raise


STATE = functools.cache(training)


def agree(place):
    """The library's rules and ours agree, and what they pass is read."""
    path, said = place / "it.safetensors", []
    for check in (check_file, check_by_rules):
        try:
            check(path)
            said.append("")
        except ValueError:
            said.append("refused")
    assert len(set(said)) == 1, f"the library: {said[0]!r}, our rules: {said[1]!r}"
    with open_tensors(path) as stored:
        for tensor in stored.values():
            tensor.read()


def configs(place):
    paths = [GOLDEN / "hf_llama" / name / "config.json" for name in CONFIGS]
    qwen3 = json.loads(paths[0].read_text()) | {"model_type": "qwen3", "head_dim": 8}
    scaled = {
        "llama3": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
        "yarn": {"factor": 4.0, "original_max_position_embeddings": 16},
        "longrope": {"short_factor": [1.0, 2.0, 2.5, 3.0], "long_factor": [3.0, 4.0, 5.0, 6.0]},
    }
    made = [qwen3 | {"rope_scaling": {"rope_type": kind} | said} for kind, said in scaled.items()]
    made += [qwen3 | {"layer_types": ["full_attention"] * 2, "max_window_layers": 1}]
    return [path.read_bytes() for path in paths] + [json.dumps(each).encode() for each in made]


CONFIGS = "grouped", "mistral_fp4_bfloat16", "qwen2_nf4_double"


def use_config(place):
    config, tied = read_config(read_json(place / "config.json"), place)
    written(config)


SHARDED = GOLDEN / "hf_llama" / "wide_heads_sharded"


KINDS = {
    "GGUF model": Kind(gguf_files, beside(use_gguf, MODEL), change_numbers),
    "GGUF adapter": Kind(adapter_gguf, beside(onto("llama"), ADAPTER), change_numbers),
    **{
        f"mlx {name} {what}": mlx(name, file, change)
        for name in ("lora", "dora_last_layer", "full")
        for what, file, change in (
            ("settings", "adapter_config.json", change_json),
            ("tensors", "adapters.safetensors", change_header),
        )
    },
    "PEFT settings": peft("adapter_config.json", change_json),
    "PEFT tensors": peft("adapter_model.safetensors", change_header),
    "config.json": Kind(configs, beside(use_config, "config.json"), change_json),
    "index": Kind(
        file_of(SHARDED / "model.safetensors.index.json"),
        beside(lambda at: load_llama(at), "model.safetensors.index.json", copied(SHARDED)),
        change_json,
    ),
    "safetensors header": Kind(
        file_of(golden_shapes.SHAPES / "lora" / "adapter_model.safetensors"),
        beside(agree, "it.safetensors"),
        change_header,
    ),
    "8-bit state": Kind(states, beside(use_state, "state"), fuzz_states.change_state),
    "4-bit state": Kind(
        lambda place: [json.dumps(state_of("nf4", 64, (3, 4))).encode()],
        lambda place: lambda data: read_state(np.frombuffer(data, np.uint8)),
        change_json,
    ),
}
