from edits import Edit

KEYS = '"lora_A.weight": A.T, "lora_B.weight": B.T'

EDITS = [
    Edit("12.1", "not transposed", KEYS, '"lora_A.weight": A, "lora_B.weight": B', "PEFT's"),
    Edit("12.1", "A and B swapped", KEYS, '"lora_A.weight": B.T, "lora_B.weight": A.T', "shapes"),
    Edit(
        "12.1",
        "the scale baked in",
        KEYS,
        '"lora_A.weight": A.T, "lora_B.weight": s * B.T',
        "its own scale",
    ),
    Edit(
        "12.1",
        "in float64 on the way back",
        'file["lora_A.weight"].T,',
        'file["lora_A.weight"].T.astype(float),',
        "same bits",
    ),
    Edit(
        "12.2",
        "the factors added",
        None,
        """    (A1, B1, s1), (A2, B2, s2) = one, other
    r = min(A1.shape[1], A2.shape[1])
    A = weights[0] * s1 * A1[:, :r] + weights[1] * s2 * A2[:, :r]
    return A, B1[:r] + B2[:r]
""",
        "first adapter",
    ),
    Edit(
        "12.2",
        "the weights twice",
        "np.concatenate([B1, B2], axis=0)",
        "np.concatenate([w1 * B1, w2 * B2], axis=0)",
        "A₂B₂",
    ),
    Edit("12.2", "one scale for both", "w2 * s2 * A2", "w2 * s1 * A2", "A₂B₂"),
    Edit("12.2", "no scale", "w1 * s1 * A1, w2 * s2 * A2", "w1 * A1, w2 * A2", "scale included"),
    Edit(
        "12.3",
        "unexpected keys skipped",
        "set(file) != set(wanted)",
        "set(wanted) - set(file)",
        "is a ValueError",
    ),
    Edit(
        "12.3",
        "missing keys skipped",
        None,
        """
    for key, name in (("lora_A.weight", "A"), ("lora_B.weight", "B")):
        if key in file:
            if file[key].T.shape != getattr(layer, name).shape:
                raise ValueError(key)
            setattr(layer, name, file[key].T)
""",
        "is a ValueError",
    ),
    Edit(
        "12.3",
        "half loaded",
        None,
        """    if set(file) != {"lora_A.weight", "lora_B.weight"}:
        raise ValueError(f"other keys: {sorted(file)}")
    for key, name in (("lora_A.weight", "A"), ("lora_B.weight", "B")):
        if file[key].T.shape != getattr(layer, name).shape:
            raise ValueError(f"{key} is {file[key].shape}")
        setattr(layer, name, file[key].T)
""",
        "as it was",
    ),
    Edit(
        "12.3",
        "not transposed",
        'layer.A = file["lora_A.weight"].T',
        'layer.A = file["lora_A.weight"]',
        "is loaded",
    ),
    Edit(
        "12.4",
        "subtracted back, as it was",
        "merged = W + delta\n",
        "merged = W + delta\n        W = merged - delta\n",
        "bit for bit",
    ),
    Edit(
        "12.4",
        "merged again and again",
        "merged = W + delta\n",
        "merged = merged + delta\n",
        "W + delta",
    ),
]
