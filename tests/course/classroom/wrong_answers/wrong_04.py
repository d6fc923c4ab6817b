from edits import Edit

EDITS = [
    Edit(
        "4.1",
        "frozen gradients counted",
        "gradients = 4 * learns",
        "gradients = weights",
        "gradients",
    ),
    Edit("4.1", "one moment", "2 * 4 * learns", "4 * learns", "moments"),
    Edit("4.1", "B forgotten", "r * (n_in + n_out)", "r * n_in", "weights"),
    Edit(
        "4.1",
        "numbers for bytes",
        "4 * (n_in * n_out + learns)",
        "n_in * n_out + learns",
        "weights",
    ),
    Edit("4.1", "W not held", "4 * (n_in * n_out + learns)", "4 * learns", "weights"),
    Edit("4.2", "moments ignored: four bytes a number", "LoRA(2, 8.0", "LoRA(8, 32.0", "fit into"),
    Edit("4.2", "a rank past break-even", "LoRA(2, 8.0", "LoRA(24, 48.0", "fit into"),
    Edit("4.2", "a target that is not there", '"all-linear"', '("q_proj",)', "targets are there"),
    Edit(
        "4.2",
        "too little learns",
        'LoRA(2, 8.0, "all-linear")',
        'LoRA(1, 0.01, ("attn.c_proj",))',
        "below 0.1",
    ),
    Edit(
        "4.3", "activations in four bits too", "4.5 / 32, 1.0", "4.5 / 32, 4.5 / 32", "activations"
    ),
    Edit("4.3", "a half", "4.5 / 32, 1.0", "4.5 / 32, 0.5", "activations"),
    Edit("4.3", "8 for 1/8", "4.5 / 32, 1.0", "8, 1.0", "weights"),
]
