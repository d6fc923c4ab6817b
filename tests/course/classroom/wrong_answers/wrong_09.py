from edits import Edit

EDITS = [
    Edit("9.1", "no residual", "y = a + bent @ W_up", "y = bent @ W_up", "y = a"),
    Edit("9.1", "no bias on the way down", "a @ W_down + b_down", "a @ W_down", "tanh(a W_down"),
    Edit("9.1", "da without the way around", "dy + dz @ W_down.T", "dz @ W_down.T", "derivatives"),
    Edit("9.1", "the biases frozen", "db_down = dz.sum(axis=0)", "db_down = 0 * b_down", "derivat"),
    Edit("9.1", "the bend not undone", " * (1 - bent * bent)", "", "derivatives"),
    Edit(
        "9.2",
        "the prefix masked",
        "np.tri(T, n + T, n) == 1",
        "np.concatenate([np.zeros((T, n)), np.tri(T)], axis=1) == 1",
        "sees the prefix",
    ),
    Edit(
        "9.2", "the mask not moved", "np.tri(T, n + T, n) == 1", "np.tri(T, n + T) == 1", "together"
    ),
    Edit(
        "9.2",
        "no mask at all",
        "np.tri(T, n + T, n) == 1",
        "np.ones((T, n + T)) == 1",
        "later token",
    ),
    Edit("9.2", "values in another order", "[prefix_v, v]", "[v, prefix_v]", "sees the prefix"),
    Edit(
        "9.2",
        "keys for values",
        "np.concatenate([prefix_v, v])",
        "np.concatenate([prefix_k, v])",
        "sees the prefix",
    ),
    Edit(
        "9.2",
        "added to the queries",
        "keys = np.concatenate([prefix_k, k])",
        "q = q + prefix_k.mean(axis=0)\n    keys = np.concatenate([prefix_k, k])",
        "together",
    ),
    Edit(
        "9.3",
        "the axis of the inputs",
        "norm = np.linalg.norm(direction, axis=0)\n    weight = direction * (m / norm)",
        "weight = direction * m / np.linalg.norm(direction, axis=1, keepdims=True)\n"
        "    norm = np.linalg.norm(direction, axis=0)",
        "m_j long",
    ),
    Edit(
        "9.3",
        "the norm differentiated",
        "ddirection = dW * (m / norm)",
        "ddirection = dW * (m / norm)\n"
        "    ddirection -= direction * (dW * weight).sum(axis=0) / norm**2",
        "held constant",
    ),
    Edit(
        "9.3",
        "s lost in the direction",
        "direction = W + s * A @ B",
        "direction = W + A @ B",
        "points where",
    ),
    Edit("9.3", "s lost in dA", "dA = s * ddirection", "dA = ddirection", "held constant"),
    Edit(
        "9.4",
        "the factors learn too",
        "Parameter(A.astype(base.dtype), trainable=False)",
        "Parameter(A.astype(base.dtype))",
        "nothing else",
    ),
    Edit("9.4", "outer starts at one", "np.zeros(base.out", "np.ones(base.out", "the base's"),
    Edit(
        "9.4",
        "nothing is said of a wrong target",
        "return wrap(begin(self, model), self.targets, lambda base: FrozenFactors(base, rng))",
        """try:
            return wrap(begin(self, model), self.targets, lambda base: FrozenFactors(base, rng))
        except ValueError:
            return begin(self, model)""",
        "matches nothing",
    ),
    Edit(
        "9.4",
        "outer's of the last row alone",
        "(rows(dy) * v).sum(axis=0)",
        "(rows(dy) * v)[-1]",
        "finite differences",
    ),
    Edit(
        "9.4",
        "inner's before outer is undone",
        "(rows(dy) * self.outer.data) @ self.B",
        "rows(dy) @ self.B",
        "finite differences",
    ),
    Edit(
        "9.4",
        "x came one way only",
        "return dx + ((du * self.inner.data) @ self.A.data.T).reshape(dx.shape)",
        "return dx",
        "finite differences",
    ),
    Edit(
        "9.4",
        "inner left out of the merge",
        "self.A.data * self.inner.data @ self.B.data * s",
        "self.A.data @ self.B.data * s",
        "merged",
    ),
    Edit("9.4", "the view is not returned", "return wrap(", "wrap(", "the base's"),
    Edit("9.5", "LoRA's one factor", "r * (n_in + n_out)", "r * n_out", "LoRA has"),
    Edit("9.5", "VeRA's frozen factors counted", "r + n_out, 2", "lora + r + n_out, 2", "VeRA has"),
    Edit("9.5", "LoHa's one product", "2 * lora, ", "lora, ", "LoHa has"),
    Edit("9.5", "MiSS's rows of the inputs", "r * n_out, n_in", "r * n_in, n_in", "MiSS has"),
    Edit("9.5", "OFT's whole blocks", "n_in * (b - 1) // 2", "n_in * b", "OFT has"),
    Edit("9.5", "OFT's diagonals counted", "(b - 1)", "(b + 1)", "OFT has"),
    Edit("9.5", "C3A's dense blocks", "n_in * n_out // b", "n_in * n_out", "C3A has"),
    Edit(
        "9.6",
        "the row the other way round",
        "y = ifft(fft(x) * fft(row).conj())",
        "y = ifft(fft(x) * fft(row))",
        "y = x",
    ),
    Edit(
        "9.6",
        "dx by ΔW, not by its transpose",
        "dx = ifft(fft(dy) * fft(row))",
        "dx = ifft(fft(dy) * fft(row).conj())",
        "dx is",
    ),
    Edit("9.6", "drow the other way round", "fft(dy).conj()", "fft(dy)", "drow is"),
    Edit(
        "9.6", "drow of the first place alone", "drow = ", "drow = np.eye(len(row))[0] * ", "drow"
    ),
    Edit("9.6", "drow of the last x alone", ".sum(axis=0)", "[-1]", "drow is"),
    Edit(
        "9.7",
        "ΔW is not 0 at first",
        "self.q = Parameter(np.zeros(",
        "self.q = Parameter(np.ones(",
        "the base's",
    ),
    Edit(
        "9.7",
        "all numbers of ΔW learn",
        "self.p = Parameter(np.zeros(base.in_features, base.dtype))",
        "self.p = Parameter(np.zeros(base.in_features, base.dtype))\n"
        "        self.all = Parameter(np.zeros((base.in_features, base.out_features), base.dtype))",
        "fewer numbers",
    ),
    Edit(
        "9.7",
        "x's way through the branch forgotten",
        "np.outer(dz @ self.wave, self.p.data) + (dz @ self.q.data)[:, None]",
        "0 * x",
        "finite differences",
    ),
    Edit(
        "9.7",
        "the inputs' sum taken out of the gradient",
        "x.sum(axis=1) @ dz",
        "dz.sum(axis=0)",
        "finite differences",
    ),
    Edit(
        "9.7",
        "a bend, which no dense weight has",
        "np.outer(x @ self.p.data, self.wave) + np",
        "np.outer(np.tanh(x @ self.p.data), self.wave) + np",
        "finite differences",
    ),
]
