from edits import Edit

EDITS = [
    Edit("1.1", "the document's printed sums", "[-1.0, 1.5]", "[0.54, -0.19]", "y = xW"),
    Edit("1.1", "the sign of W's -0.2 lost", "[-1.0, 1.5]", "[-0.2, 1.5]", "y = xW"),
    Edit("1.1", "rows of W for columns", "[-1.0, 1.5]", "[0.9, 0.4, 1.7]", "y = xW"),
    Edit("1.2", "A * B in place of A @ B", "(x @ A) @ B", "x @ (A * B)", "shape of xW"),
    Edit("1.2", "alpha alone", "alpha / A.shape[1]", "alpha", "s = alpha/r"),
    Edit("1.2", "r is taken from the wrong end", "A.shape[1]", "A.shape[0]", "s = alpha/r"),
    Edit("1.2", "no base", "x @ W + ", "", "the frozen layer"),
    Edit(
        "1.3",
        "both zero, as it was",
        "0.5 * rng.standard_normal((n_in, rank))",
        "np.zeros((n_in, rank))",
        "lowers the loss",
    ),
    Edit(
        "1.3",
        "both random",
        "np.zeros((rank, n_out))",
        "rng.standard_normal((rank, n_out))",
        "A·B = 0",
    ),
    Edit("1.3", "only A trained", "B - lr * dB", "B", "lowers the loss"),
]
