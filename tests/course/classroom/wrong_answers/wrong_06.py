from edits import Edit

EDITS = [
    Edit(
        "6.1",
        "the mean is not added again",
        "DYNAMIC_MAP[codes] * largest + mean",
        "DYNAMIC_MAP[codes] * largest",
        "come back exactly",
    ),
    Edit(
        "6.1",
        "one largest for all",
        "np.abs(centred).max()",
        "np.abs(absmax - mean).max()",
        "a nested one of their own",
    ),
    Edit(
        "6.1",
        "the sign is lost",
        "centred[:, None] / largest - DYNAMIC_MAP",
        "np.abs(centred)[:, None] / largest - DYNAMIC_MAP",
        "a nested one of their own",
    ),
    Edit(
        "6.1",
        "a straight line of 256 codes",
        "DYNAMIC_MAP[codes] * largest + mean",
        "np.linspace(-1, 1, 256, dtype=np.float32)[codes] * largest + mean",
        "a nested one of their own",
    ),
    Edit("6.2", "s lost", "layer.scale * ", "", "layer's output"),
    Edit("6.2", "on the original W", "layer.base.effective_weight()", "W", "the base as"),
    Edit(
        "6.2",
        "rounded once more",
        "layer.base.effective_weight() + layer.scale * layer.A.data @ layer.B.data",
        "NF4Linear.from_linear(Linear(layer.base.effective_weight() + layer.scale * layer.A.data"
        " @ layer.B.data)).effective_weight()",
        "layer's output",
    ),
    Edit(
        "6.2",
        "a layer for a weight",
        "layer.base.effective_weight() + layer.scale * layer.A.data @ layer.B.data",
        "layer.merge()",
        "the base as",
    ),
    Edit(
        "6.3",
        "zero",
        "x @ (W - layer.base.effective_weight())",
        "np.zeros((*x.shape[:-1], W.shape[1]))",
        "the layer does on W",
    ),
    Edit(
        "6.3",
        "old minus new",
        "(W - layer.base.effective_weight())",
        "(layer.base.effective_weight() - W)",
        "the layer does on W",
    ),
    Edit(
        "6.3",
        "the largest error",
        "x @ (W - layer.base.effective_weight())",
        "np.abs(W - layer.base.effective_weight()).max()",
        "the layer does on W",
    ),
    Edit("6.4", "four bits", "(4 + 32 / 64,", "(4,", "bits a weight"),
    Edit(
        "6.4", "the second scale forgotten", "8 / 64 + 32 / (64 * 256)", "8 / 64", "bits a weight"
    ),
    Edit("6.4", "one float32 for a block of 256", "32 / (64 * 256)", "32 / 256", "bits a weight"),
]
