from edits import Edit

EDITS = [
    Edit(
        "11.1",
        "raw counts",
        "2.5 * f / (f + 1.5 * (0.25 + 0.75 * len(document) / mean))",
        "f",
        "second use",
    ),
    Edit(
        "11.1",
        "idf may be negative",
        "math.log(1 + (N - n + 0.5) / (n + 0.5))",
        "math.log((N - n + 0.5) / (n + 0.5))",
        "none counts against",
    ),
    Edit("11.1", "no idf", "math.log(1 + (N - n + 0.5) / (n + 0.5))", "1.0", "a rare word"),
    Edit("11.1", "length upside down", "len(document) / mean", "mean / len(document)", "longer"),
    Edit("11.1", "no length", "len(document) / mean", "1", "longer"),
    Edit("11.1", "another constant", "idf * 2.5 * f", "idf * 1.5 * f", "BM25's"),
    Edit("11.2", "always there", "rng.random() < P", "True", "a share"),
    Edit("11.2", "always first", "chosen[rng.integers(n)]", "chosen[0]", "each place"),
    Edit(
        "11.2",
        "the same company",
        "rng.permutation(len(distractors))[:n]",
        "range(n)",
        "changes from draw",
    ),
    Edit(
        "11.2",
        "one too few without it",
        "[:n]]\n    if rng.random() < P:\n        chosen[rng.integers(n)] = golden",
        "[: n - 1]]\n    if rng.random() < P:\n        chosen.insert(rng.integers(n), golden)",
        "n different",
    ),
    Edit(
        "11.3",
        "a softmax over all words",
        "named = z[list(words)]\n    p = np.exp(named - named.max())\n    p = p / p.sum()",
        "p = np.exp(z - z.max())\n    p = (p / p.sum())[list(words)]",
        "do not matter",
    ),
    Edit(
        "11.3", "the label for its word", "dz[words[label]] -= 1", "dz[label] -= 1", "do not matter"
    ),
    Edit("11.3", "always the first label", "-np.log(p[label])", "-np.log(p[0])", "renumbered"),
    Edit("11.3", "no one-hot", "dz[words[label]] -= 1", "pass", "its derivative"),
]
