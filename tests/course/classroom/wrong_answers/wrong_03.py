from edits import Edit

EDITS = [
    Edit("3.1", "s missing in dA", "du = s * dy @ B.T", "du = dy @ B.T", "by A"),
    Edit("3.1", "s missing in dB", "dB = s * u.T @ dy", "dB = u.T @ dy", "by B"),
    Edit("3.1", "du Aᵀ missing", "dy @ W.T + du @ A.T", "dy @ W.T", "by x"),
    Edit("3.1", "factors swapped", "return dA, dB, dx", "return dB.T, dA.T, dx", "by B"),
    Edit("3.1", "s twice in dx", "du @ A.T", "s * du @ A.T", "by x"),
    Edit("3.2", "alpha alone", "alpha / A.shape[1]", "alpha", "padded"),
    Edit("3.2", "r over alpha", "alpha / A.shape[1]", "A.shape[1] / alpha", "s = alpha/r"),
    Edit("3.2", "dropout on the base path too", "x @ W", "(x * mask) @ W", "the base's xW"),
    Edit("3.2", "no dropout at all", "(x * mask) @ A", "x @ A", "the base's xW"),
    Edit(
        "3.3",
        "the smallest are kept",
        "(U[:, :r] * sigma[:r]) @ Vt[:r]",
        "(U[:, -r:] * sigma[-r:]) @ Vt[-r:]",
        "√Σσ²",
    ),
    Edit("3.3", "the singular values twice", "@ Vt[:r]", "@ (sigma[:r, None] * Vt[:r])", "√Σσ²"),
    Edit("3.3", "V for Vᵀ", "@ Vt[:r]", "@ Vt.T[:r]", "D's shape"),
    Edit(
        "3.3",
        "one too many",
        "(U[:, :r] * sigma[:r]) @ Vt[:r]",
        "(U[:, : r + 1] * sigma[: r + 1]) @ Vt[: r + 1]",
        "at most r",
    ),
    Edit("3.4", "s for both", "(25, 5, 1)", "(5, 5, 1)", "SGD"),
    Edit("3.4", "s squared for both", "(25, 5, 1)", "(25, 25, 1)", "Adam"),
    Edit("3.4", "A's rate too", "(25, 5, 1)", "(25, 5, 5)", "SGD"),
    Edit("3.4", "no effect", "(25, 5, 1)", "(1, 1, 1)", "SGD"),
]
