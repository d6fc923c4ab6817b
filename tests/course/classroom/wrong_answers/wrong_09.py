from edits import Edit

EDITS = [
    Edit("9.1", "no residual", "y = a + g @ U + c", "y = g @ U + c", "y = a"),
    Edit("9.1", "no bias on the way down", "np.tanh(a @ D + b)", "np.tanh(a @ D)", "tanh(aD + b)"),
    Edit("9.1", "da without the way around", "da = dy + dz @ D.T", "da = dz @ D.T", "derivatives"),
    Edit("9.1", "the biases frozen", "db = dz.sum(axis=0)", "db = 0 * b", "derivatives"),
    Edit("9.1", "the bend not undone", " * (1 - g * g)", "", "derivatives"),
    Edit(
        "9.2",
        "the prefix masked",
        "np.tri(T, P + T, P) == 1",
        "np.concatenate([np.zeros((T, P)), np.tri(T)], axis=1) == 1",
        "sees the prefix",
    ),
    Edit(
        "9.2", "the mask not moved", "np.tri(T, P + T, P) == 1", "np.tri(T, P + T) == 1", "together"
    ),
    Edit(
        "9.2",
        "no mask at all",
        "np.tri(T, P + T, P) == 1",
        "np.ones((T, P + T)) == 1",
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
        "np.linalg.norm(V, axis=0)",
        "np.linalg.norm(V, axis=1, keepdims=True)",
        "m_j long",
    ),
    Edit(
        "9.3",
        "the norm differentiated",
        "dV = c * dW",
        "dV = c * dW - V * (dW * V * c).sum(axis=0) / norm**2",
        "held constant",
    ),
    Edit("9.3", "s lost in the direction", "V = W + s * A @ B", "V = W + A @ B", "points where"),
    Edit("9.3", "s lost in dA", "dA = s * dV @ B.T", "dA = dV @ B.T", "held constant"),
    Edit(
        "9.4",
        "the base learns too",
        "self.base = base.freeze()",
        "self.base = base\n        base.weight.train()",
        "nothing else",
    ),
    Edit("9.4", "starts at zero", "np.ones(base", "np.zeros(base", "the base's"),
    Edit(
        "9.4",
        "nothing is said of a wrong target",
        "return wrap(begin(self, model), self.targets, Scaled)",
        """try:
            return wrap(begin(self, model), self.targets, Scaled)
        except ValueError:
            return begin(self, model)""",
        "matches nothing",
    ),
    Edit(
        "9.4",
        "dl of the last row alone",
        "(rows(dy) * rows(z)).sum(axis=0)",
        "(rows(dy) * rows(z))[-1]",
        "finite differences",
    ),
    Edit(
        "9.4",
        "l not undone on the way to x",
        "backward(dy * self.l.data,",
        "backward(dy,",
        "finite differences",
    ),
    Edit("9.4", "the view is not returned", "return wrap(", "wrap(", "the base's"),
]
