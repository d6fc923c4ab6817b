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
    Edit("8.3", "a narrow grid", "np.arange(-2, 2.5, 0.5)", "np.arange(-0.5, 1, 0.5)", "inside"),
    Edit("8.3", "chosen on the test split", '100)["validation"]', '100)["test"]', "validation"),
    Edit(
        "8.3",
        "more tries for LoRA",
        "np.arange(-2, 2.5, 0.5):",
        'np.arange(-2, 2.5, 0.25 if way == "LoRA" else 0.5):',
        "as many runs",
    ),
    Edit("8.3", "two seeds", "range(5)", "range(2)", "five seeds"),
    Edit("8.3", "the seed that it was tuned on", "range(5)", "range(96, 101)", "five seeds"),
    Edit(
        "8.3",
        "other seeds for full",
        "lora - full",
        "lora - train('full', rates['full'], seed + 1)['test']",
        "pair",
    ),
    Edit("8.3", "full less LoRA", "lora - full", "full - lora", "pair"),
    Edit(
        "8.4",
        "the highest loss for the best",
        "min(losses, key=losses.get)",
        "max(losses, key=losses.get)",
        "no flaw",
    ),
    Edit("8.4", "one edge alone", "(min(losses), max(losses))", "(min(losses),)", "every flaw"),
    Edit("8.4", "where it was reported", 'report["tuned on"]', 'report["reported on"]', "no flaw"),
    Edit("8.4", "four seeds will do", "< 5", "< 2", "every flaw"),
    Edit(
        "8.4",
        "the sum of rates",
        "len({len(losses) for losses in tried.values()}) > 1",
        "False",
        "every flaw",
    ),
]
