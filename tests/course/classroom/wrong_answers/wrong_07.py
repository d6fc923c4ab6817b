from edits import Edit

EDITS = [
    Edit("7.1", "nothing taken off: overflow", "z - z.max(axis=1, keepdims=True)", "z", "finite"),
    Edit(
        "7.1",
        "the weights ignored",
        "weights / weights.sum()",
        "np.ones(len(z)) / len(z)",
        "weighted mean",
    ),
    Edit("7.1", "a sum for a mean", "weights / weights.sum()", "weights", "weighted mean"),
    Edit("7.1", "dz is not divided", "dz * share[:, None]", "dz * weights[:, None]", "by z"),
    Edit("7.1", "one-hot forgotten", "dz[rows, targets] -= 1", "pass", "sums to 0"),
    Edit(
        "7.2",
        "masked after the softmax",
        None,
        """    T, hd = q.shape
    S = q @ k.T / np.sqrt(hd)
    P = np.exp(S - S.max(axis=1, keepdims=True))
    P = np.tril(P / P.sum(axis=1, keepdims=True))
    return P @ v, (q, k, v)
""",
        "sees itself alone",
    ),
    Edit("7.2", "the diagonal masked", "k=1)", "k=0)", "sees itself alone"),
    Edit("7.2", "no mask", "S + np.triu(np.full((T, T), -np.inf), k=1)", "S", "sees itself alone"),
    Edit(
        "7.2", "the root of T", "S = q @ k.T / np.sqrt(hd)", "S = q @ k.T / np.sqrt(T)", "softmax(q"
    ),
    Edit("7.2", "undivided", "S = q @ k.T / np.sqrt(hd)", "S = q @ k.T", "softmax(q"),
    Edit(
        "7.2",
        "the softmax not undone",
        "P * (dP - (dP * P).sum(axis=1, keepdims=True))",
        "P * dP",
        "derivatives",
    ),
    Edit("7.2", "dk without its transpose", "dS.T @ q", "dS @ q", "derivatives"),
    Edit("7.3", "the newest first", "[keys, k_new]", "[k_new, keys]", "at the end"),
    Edit(
        "7.3",
        "blind to itself",
        "q_new @ keys.T",
        "q_new @ np.roll(keys, 1, axis=0).T",
        "all at once",
    ),
    Edit(
        "7.3",
        "masked as if it were the first",
        "shares / shares.sum() @ values",
        "values[:1]",
        "all at once",
    ),
    Edit("7.3", "values not kept", ", keys, values\n", ", keys, v_new\n", "at the end"),
    Edit(
        "7.4",
        "heads first, as it was",
        "3, H, -1)\n    return tuple(cut[:, i]",
        "H, 3, -1)\n    return tuple(cut[:, :, i]",
        "columns h",
    ),
    Edit("7.4", "K first", "for i in range(3)", "for i in (1, 0, 2)", "three thirds"),
    Edit(
        "7.4",
        "interleaved",
        "cut = qkv.reshape(len(qkv), 3, H, -1)",
        "cut = np.moveaxis(qkv.reshape(len(qkv), H, -1, 3), 3, 1)",
        "three thirds",
    ),
]
