"""Small GGUF files, as llama.cpp would write them."""

import numpy as np

from lora_np.checkpoint.llama_gguf import IN_GGUF
from lora_np.nn import rotary


def interleaved(array, hd):
    """GGUF's order of the rows of q and k: those of a pair stand next to each other."""
    pairs = array.reshape(-1, 2, hd // 2, *array.shape[1:])
    return pairs.swapaxes(1, 2).reshape(array.shape)


def write_scaling(writer, c):
    """The settings or the tensor that say how the rates of `c` are scaled."""
    import gguf

    match c.rope_scaling:
        case rotary.Llama3Scaling():
            plain = c.rope_theta ** (-np.arange(0, c.head_dim, 2) / c.head_dim)
            scaled, _ = c.rope_scaling.rates(plain, c.rope_theta, 1, c.max_position_embeddings)
            writer.add_tensor("rope_freqs.weight", (plain / scaled).astype(np.float32))
        case rotary.LinearScaling(factor):
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(factor)
        case rotary.YarnScaling():
            writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
            writer.add_rope_scaling_factor(c.rope_scaling.factor)
            original = c.rope_scaling.original_max_position_embeddings
            writer.add_rope_scaling_orig_ctx_len(original)


def write_gguf(path, model, quantize="Q8_0", **changes):
    """`model` as llama.cpp would write it: its names, its order of q and k, its settings."""
    import gguf

    c = model.config
    kind = "llama" if c.model_type == "mistral" else c.model_type
    writer = gguf.GGUFWriter(path, changes.get("architecture", kind))
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(changes.get("layers", c.num_hidden_layers))
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    writer.add_rope_freq_base(c.rope_theta)
    if c.head_dim * c.num_attention_heads != c.hidden_size:
        writer.add_key_length(c.head_dim)
        writer.add_value_length(c.head_dim)
    write_scaling(writer, c)
    for name, value in changes.get("extra", {}).items():
        add = {int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
        add[type(value)](name, value)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(changes.get("pre", "smollm"))
    writer.add_token_list(["<|endoftext|>", "<|im_end|>", "a", "b", "ab", "1", "2"])
    writer.add_token_types([3, 3, 1, 1, 1, 1, 1])
    writer.add_token_merges(["a b"])
    for name, value in changes.get("tokenizer", {}).items():
        if name == "chat_template":
            writer.add_chat_template(value)
        else:
            add = writer.add_bool if isinstance(value, bool) else writer.add_uint32
            add(f"tokenizer.ggml.{name}", value)
    for name, p in model.named_parameters():
        name, _, end = name.rpartition(".")
        *head, part = name.split(".", 2)
        theirs = f"blk.{head[1]}.{IN_GGUF[part]}" if head else IN_GGUF[part]
        array = p.data.T if name.endswith("_proj") else p.data
        if part.endswith(("q_proj", "k_proj")) and kind == "llama":
            array = interleaved(array, c.head_dim)
        array, packed = np.ascontiguousarray(array), None
        if array.ndim == 2 and quantize:
            packed = gguf.GGMLQuantizationType[quantize]
            array = gguf.quants.quantize(array, packed)
        writer.add_tensor(f"{theirs}.{end}", array, raw_dtype=packed)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_gguf_adapter(path, layers, config, alpha, **settings):
    """{layer: (A (r, in), B (out, r))} as llama.cpp's converter writes PEFT's; `settings` change
    what the file says of itself, by the last word of a setting's name."""
    import gguf

    kind = "llama" if config.model_type == "mistral" else config.model_type
    writer = gguf.GGUFWriter(path, settings.get("architecture", kind))
    writer.add_string("general.type", settings.get("type", "adapter"))
    writer.add_string("adapter.type", settings.get("adapter", "lora"))
    if alpha is not None:
        writer.add_float32("adapter.lora.alpha", alpha)
    if "prompt_prefix" in settings:
        writer.add_string("adapter.lora.prompt_prefix", settings["prompt_prefix"])
    for name, (A, B) in layers.items():
        _, i, part = name.split(".", 2)
        if part.endswith(("q_proj", "k_proj")) and kind == "llama":
            B = interleaved(B, config.head_dim)
        for end, array in (("lora_a", A), ("lora_b", B)):
            array = np.ascontiguousarray(array, np.float32)
            writer.add_tensor(f"blk.{i}.{IN_GGUF[part]}.weight.{end}", array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_vocabulary(path, kind, words, types, merges=None, scores=None, **settings):
    """A file with a tokenizer and nothing else; `settings` are of tokenizer.ggml."""
    import gguf

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model(kind)
    writer.add_token_list(words)
    writer.add_token_types(types)
    if merges is not None:
        writer.add_token_merges(merges)
    if scores is not None:
        writer.add_token_scores(scores)
    for name, value in settings.items():
        add = {bool: writer.add_bool, int: writer.add_uint32, str: writer.add_string}[type(value)]
        add(f"tokenizer.ggml.{name}", value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
