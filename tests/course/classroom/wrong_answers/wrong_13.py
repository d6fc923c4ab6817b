from edits import Edit

EDITS = [
    Edit("13.1", "not shifted", "text[1:]", "text[:-1]", "one place apart"),
    Edit("13.1", "the weights not shifted", "said[1:]", "said[:-1]", "only to read"),
    Edit("13.1", "everything counts", "else 0", "else 1", "only to read"),
    Edit("13.1", "the role's token counts", "said += [0, 0, ", "said += [0, own, ", "only to read"),
    Edit("13.1", "the end does not count", "len(words), own]", "len(words), 0]", "ends it"),
    Edit(
        "13.1",
        "the last answer alone",
        "return text[:-1]",
        "said = [0] * (len(text) - len(words) - 1) + [1] * (len(words) + 1)\n    return text[:-1]",
        "every answer",
    ),
    Edit("13.2", "v counted as wide as q", '"rank": 6', '"rank": 5', "one rank more"),
    Edit("13.2", "a megabyte too many", '"rank": 6', '"rank": 8', "at most"),
    Edit("13.2", "GPT-2's names", '"q_proj", "v_proj", "up_proj"', '"c_attn", "c_fc"', "matches"),
    Edit("13.2", "attention alone", ', "up_proj"', "", "feed-forward"),
    Edit("13.2", "the first block alone", '"q_proj"', '"layers.0.self_attn.q_proj"', "every block"),
    Edit(
        "13.3",
        "as it was, forward",
        "np.repeat(kv, n, axis=1)",
        "np.tile(kv, (1, n, 1, 1))",
        "neighbours",
    ),
    Edit("13.3", "along another axis", "n, axis=1", "n, axis=2", "for each query head"),
    Edit(
        "13.3",
        "as it was, backward",
        "dy.reshape(B, heads // n, n, T, hd).sum(axis=2)",
        "dy[:, : heads // n]",
        "added",
    ),
    Edit("13.3", "a mean", ".sum(axis=2)", ".mean(axis=2)", "added"),
    Edit(
        "13.3",
        "the wrong ones added",
        "heads // n, n, T, hd).sum(axis=2)",
        "n, heads // n, T, hd).sum(axis=1)",
        "added",
    ),
]
