"""The forms of the methods that wrap layers and of nothing else, a row each (`layer_form.py`).

PEFT has DeLoRA, LoHa and LoKr for nn.Linear alone, and so not for a GPT-2. The random matrices that
all layers share are always in the file: PEFT may leave them to torch's generator
(`save_projection` false), whose numbers NumPy cannot draw.
"""

from ... import methods
from ...methods.targets import layers_of
from .layer_form import LayerForm

GPT2 = {"fan_in_fan_out": True}  # as in lora.py; not where PEFT has no such setting


def factor(name):
    """LoKr's D, or its A and B: which of them a layer has follows from its sizes."""
    return lambda layer: None if (p := getattr(layer, name)) is None else p.data.T


def small(layer):
    return layer.A.data[:, None]  # (r, 1, small)


def large(layer):
    B = layer.B.data
    return B.reshape(len(B), -1, len(layer.A.data))  # (large, n, r)


def check_places(model):
    """Raise ValueError for a place of SHiRA's outside its weight."""
    for name, layer in layers_of(model, methods.SHiRA.layer):
        places, size = layer.places, (layer.out_features, layer.in_features)
        if places.min() < 0 or (places.max(axis=1) >= size).any():
            expected = f"{name}.shira_indices: expected places in (out, in) = {size}"
            raise ValueError(f"{expected}, got {places.min()} to {places.max(axis=1).tolist()}")


class MiSSForm(LayerForm):
    """PEFT says by `init_weights` which form of ΔW it is, and has a `mini_r` in each."""

    def config(self, method):
        kind = True if method.mini is None else "mini"
        return super().config(method) | {"init_weights": kind, "mini_r": method.mini or 1}

    def method_from(self, config, shapes, model):
        kind = config.get("init_weights", True)
        if config["peft_type"] == self.peft_type and kind not in (True, "mini"):
            got = f"expected init_weights True or 'mini', got {kind!r}"
            raise ValueError(f"MISS: {got}, another form of ΔW")
        mini = config.get("mini_r", 1) if kind == "mini" else None
        return super().method_from(config | {"mini_r": mini}, shapes, model)


ROWS = (
    LayerForm(
        methods.DeLoRA,
        {"r": "rank", "delora_lambda": "strength"},
        {
            "delora_A": "A.data.T",
            "delora_B": "B.data.T",
            "delora_lambda": "strength.data",
            "delora_w_norm": "w.data",
        },
        sizes={"r": (".delora_A", 0)},
    ),
    LayerForm(
        methods.GraLoRA,
        {"r": "rank", "alpha": "alpha", "gralora_k": "blocks"},
        {"gralora_A": "A.data", "gralora_B": "B.data"},
        fixed=GPT2,
        sizes={"r": (".gralora_A", 2), "gralora_k": (".gralora_A", 0)},
    ),
    MiSSForm(  # but not "bat", which multiplies W too
        methods.MiSS,
        {"r": "rank", "mini_r": "mini"},
        {"miss_block": "D.data"},
        sizes={"r": (".miss_block", 0)},
    ),
    LayerForm(
        methods.VeRA,
        {"r": "rank", "d_initial": "d_initial"},
        {
            "vera_lambda_b": "b.data",
            "vera_lambda_d": "d.data",
            "base_model.vera_A": "A.data.T",
            "base_model.vera_B": "B.data.T",
        },
        fixed={"save_projection": True} | GPT2,
        sizes={"r": (".vera_A", 0)},
        ignores=("projection_prng_key",),
    ),
    LayerForm(  # A and B once more for each layer, as PEFT writes it
        methods.RandLoRA,
        {"r": "rank", "randlora_alpha": "alpha"},
        {
            "randlora_lambda": "L.data",
            "randlora_gamma": "G.data",
            "randlora_A": small,
            "randlora_B": large,
            "base_model.randlora_A": small,
            "base_model.randlora_B": large,
        },
        fixed={"save_projection": True} | GPT2,
        sizes={"r": (".randlora_A", 0)},
        ignores=("projection_prng_key", "sparse", "very_sparse"),
    ),
    LayerForm(  # with all logits and not the top ones alone
        methods.VBLoRA,
        {"r": "rank", "num_vectors": "vectors", "vector_length": "length", "topk": "top"},
        {
            "vblora_logits_A": "logits_A.data",
            "vblora_logits_B": "logits_B.data",
            "base_model.vblora_vector_bank": "bank.data",
        },
        fixed={"save_only_topk_weights": False} | GPT2,
        sizes={
            "r": (".vblora_logits_A", 0),
            "num_vectors": (".vblora_vector_bank", 0),
            "vector_length": (".vblora_vector_bank", 1),
        },
        ignores=("init_vector_bank_bound", "init_logits_std"),
    ),
    LayerForm(
        methods.LoHa,
        {"r": "rank", "alpha": "alpha"},
        {
            "hada_w1_a": "B1.data.T",
            "hada_w1_b": "A1.data.T",
            "hada_w2_a": "B2.data.T",
            "hada_w2_b": "A2.data.T",
        },
        sizes={"r": (".hada_w1_b", 0)},
    ),
    LayerForm(
        methods.LoKr,
        {"r": "rank", "alpha": "alpha"},
        {
            "lokr_w1": "C.data.T",
            "lokr_w2": factor("D"),
            "lokr_w2_a": factor("B"),
            "lokr_w2_b": factor("A"),
        },
        fixed={"decompose_factor": -1},
    ),
    LayerForm(
        methods.HiRA,
        {"r": "rank"},
        {"hira_A": "A.data.T", "hira_B": "B.data.T"},
        fixed=GPT2,
        sizes={"r": (".hira_A", 0)},
    ),
    LayerForm(  # but not its constrained form, nor with blocks that are shared
        methods.OFT,
        {
            "oft_block_size": "block",
            "use_cayley_neumann": "series",
            "num_cayley_neumann_terms": "terms",
        },
        {"oft_R.weight": "q.data"},
        fixed={"r": 0, "coft": False, "block_share": False} | GPT2,
        ignores=("eps",),
    ),
    LayerForm(  # where PEFT has no CUDA extension it makes one factor, whatever its file says
        methods.BOFT,
        {"boft_block_size": "block", "boft_n_butterfly_factor": "factors"},
        {"boft_R": "F.data", "boft_s": lambda layer: layer.s.data[:, None]},  # (out, 1)
        fixed={"boft_block_num": 0} | GPT2,
        sizes={"boft_block_size": (".boft_R", 3), "boft_n_butterfly_factor": (".boft_R", 0)},
    ),
    LayerForm(  # but not its Gram-Schmidt form
        methods.HRA,
        {"r": "rank"},
        {"hra_u": "u.data"},
        fixed={"apply_GS": False},
        sizes={"r": (".hra_u", 1)},
    ),
    LayerForm(
        methods.RoAd,
        {"variant": "variant", "group_size": "group"},
        {"road_theta": "theta.data", "road_alpha": "alpha.data"},
    ),
    LayerForm(  # the file holds the seed of its places, which are drawn as torch does
        methods.FourierFT,
        {"n_frequency": "numbers", "scaling": "scale", "random_loc_seed": "seed"},
        {"fourierft_spectrum": "c.data"},
        fixed=GPT2,
        sizes={"n_frequency": (".fourierft_spectrum", 0)},
    ),
    LayerForm(  # the file holds the places too, so that it need not say how they were drawn
        methods.SHiRA,
        {"r": "rank"},
        {"shira_weight": "v.data", "shira_indices": "places"},  # (2, n): out, in
        fixed=GPT2,
        check=check_places,
        ignores=("mask_type", "random_seed"),
    ),
    LayerForm(  # one block size for all layers. PEFT, unless told, starts it off the base
        methods.C3A,
        {"block_size": "block"},
        {"c3a_kernel": "w.data"},  # (out/block, in/block, block)
        sizes={"block_size": (".c3a_kernel", 2)},
    ),
)
LAYER_FORMS = {row.method: row for row in ROWS}
