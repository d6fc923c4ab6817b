from edits import Edit

EDITS = [
    Edit("2.1", "no transpose", "dy @ W.T", "dy @ W", "by x"),
    Edit(
        "2.1",
        "a mean over the batch",
        "x_rows.T @ dy_rows",
        "x_rows.T @ dy_rows / len(x_rows)",
        "summed over all rows",
    ),
    Edit("2.1", "leading axes forgotten", "x_rows.T @ dy_rows", "x.T @ dy", "by x"),
    Edit(
        "2.1",
        "= for +=",
        "dW += x_rows.T @ dy_rows",
        "dW[...] = x_rows.T @ dy_rows",
        "add their gradients",
    ),
    Edit(
        "2.1",
        "a new dW, thrown away",
        "dW += x_rows.T @ dy_rows",
        "dW = dW + x_rows.T @ dy_rows",
        "summed over all rows",
    ),
    Edit("2.2", "no bias correction", "m / (1 - beta1**k), v / (1 - beta2**k)", "m, v", "lr long"),
    Edit("2.2", "one correction for both", "v / (1 - beta2**k)", "v / (1 - beta1**k)", "lr long"),
    Edit(
        "2.2",
        "k from 0",
        "m / (1 - beta1**k), v / (1 - beta2**k)",
        "m / (1 - beta1**(k - 1)), v / (1 - beta2**(k - 1))",
        "lr long",
    ),
    Edit(
        "2.2",
        "decay in the gradient",
        "m = beta1 * m",
        "g, lr_decay = g + decay * w, 0\n    decay = 0\n    m = beta1 * m",
        "decay shrinks",
    ),
    Edit(
        "2.2", "the corrected m is kept", "return w, m, v", "return w, m_hat, v_hat", "five steps"
    ),
    Edit(
        "2.3",
        "kept in self",
        None,
        """
        self.x = x
        return x @ self.W, x

    def backward(self, dy, cache):
        x_rows = self.x.reshape(-1, self.x.shape[-1])
        self.dW += x_rows.T @ dy.reshape(len(x_rows), -1)
        return dy @ self.W.T
""",
        "each cache",
    ),
    Edit(
        "2.3",
        "a buffer that forwards share",
        "return x @ self.W, x",
        "self.kept = getattr(self, 'kept', np.empty_like(x))\n"
        "        self.kept[...] = x\n        return x @ self.W, self.kept",
        "each cache",
    ),
    Edit(
        "2.3",
        "the last cache serves all",
        "return x @ self.W, x",
        "self.caches = getattr(self, 'caches', [])\n        self.caches.append(x)\n"
        "        return x @ self.W, self.caches",
        "one forward",
    ),
    Edit("2.4", "always true", None, "    return True", "alpha alone"),
    Edit("2.4", "padding alone", "padded and doubled", "padded", "r over alpha"),
    Edit("2.4", "alpha alone is doubled", "padded and doubled", "doubled", "alpha alone"),
    Edit("2.4", "alpha not doubled", "A2, B2, 2 * alpha", "A2, B2, alpha", "the right layer"),
    Edit("2.4", "B is zero", "A2, B2, 2 * alpha), y", "A2, 0 * B2, alpha), x @ W", "alpha alone"),
    Edit("2.5", "rank 1", '"r": 2', '"r": 1', "alpha for alpha/r"),
    Edit("2.5", "alpha is r", '"alpha": 3.0', '"alpha": 2.0', "no scale"),
    Edit("2.5", "B as it starts", '"random"', '"zero"', "* for @"),
    Edit("2.5", "one row", '"rows": 2', '"rows": 1', "averaged"),
    Edit("2.5", "large, to be safe", '"in": 2', '"in": 4', "add up to 8"),
    Edit("2.6", "always true", None, "    return True", "dx without the adapter"),
    Edit(
        "2.6",
        "where B is zero",
        "gradients = layer(",
        "B = 0 * B\n    gradients = layer(",
        "dx without the adapter",
    ),
    Edit("2.6", "dx alone", "(x, A, B)", "(x,)", "dA without s"),
    Edit("2.6", "a one-sided guess", "/ 2e-5", "/ 1e-5", "the right layer"),
    Edit("2.3", "assigned, not added", "self.dW += x_rows.T", "self.dW = x_rows.T", "add up"),
]
