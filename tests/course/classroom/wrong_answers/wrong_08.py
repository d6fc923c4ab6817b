from edits import Edit

EDITS = [
    Edit("8.1", "the MLP's too", '"attn.c_proj"', '"c_proj"', "nothing else"),
    Edit("8.1", "the first block alone", '"attn.c_proj"', '"h.0.attn.c_proj"', "every block"),
    Edit("8.1", "a LLaMA's name", '"attn.c_proj"', '"o_proj"', "matches a layer"),
    Edit(
        "8.1", "all of attention", '("attn.c_proj",)', '("attn.c_proj", "c_attn")', "nothing else"
    ),
    Edit(
        "8.2",
        "a mean of means",
        "np.average(losses, weights=[batch.total for batch in batches])",
        "np.mean(losses)",
        "does not matter",
    ),
    Edit(
        "8.2",
        "before minus after",
        "mean_loss(after) - mean_loss(before)",
        "mean_loss(before) - mean_loss(after)",
        "positive",
    ),
    Edit("8.2", "the loss after, alone", " - mean_loss(before)", "", "forgot nothing"),
    Edit(
        "8.2",
        "the first batch alone",
        "for batch in batches]\n        return",
        "for batch in batches][:1] * len(batches)\n        return",
        "does not matter",
    ),
]
