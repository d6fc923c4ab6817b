"""Small GGUF files, as llama.cpp would write them."""

import numpy as np

from lora_np.checkpoint.llama_gguf import IN_GGUF


def interleaved(array, hd):
    """GGUF's order of the rows of q and k: those of a pair stand next to each other."""
    return array.reshape(-1, 2, hd // 2, array.shape[1]).swapaxes(1, 2).reshape(array.shape)


def write_gguf(path, model, quantize="Q8_0", **changes):
    """`model` as llama.cpp would write it: its names, its order of q and k, its settings."""
    import gguf

    c = model.config
    writer = gguf.GGUFWriter(path, changes.get("architecture", "llama"))
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(changes.get("layers", c.num_hidden_layers))
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    writer.add_rope_freq_base(c.rope_theta)
    if changes.get("scaled"):
        writer.add_rope_scaling_factor(2.0)
    for name, value in changes.get("extra", {}).items():
        (writer.add_uint32 if isinstance(value, int) else writer.add_float32)(name, value)
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
        *head, part = name.removesuffix(".weight").split(".", 2)
        theirs = f"blk.{head[1]}.{IN_GGUF[part]}" if head else IN_GGUF[part]
        array = p.data.T if name.endswith("_proj.weight") else p.data
        if part.endswith(("q_proj", "k_proj")):
            array = interleaved(array, c.head_dim)
        array, kind = np.ascontiguousarray(array), None
        if array.ndim == 2 and quantize:
            kind = gguf.GGMLQuantizationType[quantize]
            array = gguf.quants.quantize(array, kind)
        writer.add_tensor(f"{theirs}.weight", array, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
