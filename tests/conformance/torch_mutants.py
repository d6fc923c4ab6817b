"""A torch layer broken in one line each, with the law that names it and a public report."""

import torch
import torch.nn.functional as F

from conformance.torch_reference import DoRALinear, LoRALinear

MUTANTS = []


def mutant(law, seen, base=LoRALinear, **overridden):
    """A module like `base` but for these methods."""
    kind = type(f"{law}_{len(MUTANTS)}", (base,), overridden)
    kind.law, kind.seen = law, seen
    MUTANTS.append(kind)


def plain(layer, x):
    return F.linear(F.linear(x, layer.A), layer.B)


def base_of(layer, x):
    return F.linear(x, layer.weight, layer.bias)


SCALE, MERGED = "the_scale_is_alpha_over_r", "merged_equals_forward"
mutant(SCALE, "Blaizzy/mlx-vlm#845", scale=lambda s: s.alpha)
mutant(SCALE, "rasbt/LLMs-from-scratch#821", branch=lambda s, x: s.alpha * plain(s, x))
mutant(SCALE, "mflux-community/mflux#449", scale=lambda s: 1.0)
mutant("twice_alpha_is_twice_the_branch", "AnswerDotAI/fsdp_qlora#68", scale=lambda s: 2.0)
mutant("twice_alpha_is_twice_the_branch", "cloneofsimo/lora#187", scale=lambda s: 1 / s.rank)
mutant(
    "zeros_added_to_the_factors_change_nothing",
    "ml-explore/mlx-examples#622",
    scale=lambda s: s.alpha / 8,
)
mutant(
    "the_branch_is_a_multiple_of_x_A_B",
    "osaurus-ai/vmlx-swift#320",
    branch=lambda s, x: (
        s.scale() * (x @ s.B @ s.A if s.weight.shape[0] == s.weight.shape[1] else plain(s, x))
    ),
)
mutant(
    "each_row_is_its_own",
    "ohdearquant/lattice#747",
    branch=lambda s, x: s.scale() * plain(s, x.reshape(-1, x.shape[-1])[:1]),
)
mutant(
    "the_bias_is_added_once",
    "ooples/AiDotNet#256",
    forward=lambda s, x: F.linear(x, s.weight) + (0 if s.merged else s.branch(x)),
)
mutant(
    "the_bias_is_added_once",
    "vllm-project/vllm#10844",
    forward=lambda s, x: (
        base_of(s, x) + (0 if s.bias is None else s.bias) + (0 if s.merged else s.branch(x))
    ),
)


def random_b(s, rank):
    return LoRALinear.start(s, rank)[0], torch.randn(s.out_features, rank, dtype=torch.float64)


def zeros(s, rank):
    A, B = LoRALinear.start(s, rank)
    return 0 * A, B


def ones(s, rank):
    A, B = LoRALinear.start(s, rank)
    return torch.ones_like(A), B


mutant("it_starts_at_the_base", "hao-ai-lab/FastVideo#781", start=random_b)
mutant(
    "it_starts_at_the_base",
    "ggml-org/llama.cpp#4082",
    start=lambda s, rank: tuple(torch.randn_like(p) for p in LoRALinear.start(s, rank)),
)
mutant("it_starts_ready_to_learn", "nvidia-cosmos/cosmos-predict2.5#15", start=zeros)
mutant("its_directions_start_apart", "PaddlePaddle/PaddleNLP#5330", start=ones)
mutant(
    "dA_is_the_derivative",
    "paiml/aprender#2232",
    branch=lambda s, x: s.scale() * F.linear(F.linear(s.dropout(x), s.A.detach()), s.B),
)
mutant(
    "dB_is_the_derivative",
    "paiml/aprender#2232",
    branch=lambda s, x: s.scale() * F.linear(F.linear(s.dropout(x), s.A), s.B.detach()),
)
mutant(
    "dx_is_the_derivative",
    "paiml/aprender#2232",
    branch=lambda s, x: LoRALinear.branch(s, x.detach()),
)


def without_grad(s, x):
    with torch.no_grad():
        y = base_of(s, x)
    return y if s.merged else y + s.branch(x)


mutant("dx_is_the_derivative", "MakazhanAlpamys/Soup#1087", forward=without_grad)
mutant(
    "a_step_leaves_the_base_alone",
    "alexdenker/SteerableConditionalDiffusion#1",
    freeze=lambda s: None,
)
mutant(
    "a_step_moves_every_factor",
    "tloen/alpaca-lora#352",
    freeze=lambda s: s.requires_grad_(False) and s.B.requires_grad_(True),
)
mutant(
    "a_step_moves_every_factor",
    "juyongjiang/KaSA#2",
    freeze=lambda s: (LoRALinear.freeze(s), s.A.requires_grad_(False)),
)
mutant(
    "dropout_spares_the_base",
    "axolotl-ai-cloud/axolotl#3528",
    forward=lambda s, x: base_of(s, s.dropout(x)) + (0 if s.merged else s.branch(x)),
)
mutant(
    "dropout_is_for_training_only",
    "huggingface/peft#3753",
    branch=lambda s, x: s.scale() * plain(s, F.dropout(x, s.dropout.p)),
)
mutant(
    "dropout_keeps_the_mean",
    "meta-pytorch/torchtune#996",
    branch=lambda s, x: s.scale() * plain(s, x),
)
mutant(
    "dropout_keeps_the_mean",
    "KohakuBlueleaf/LyCORIS#106",
    branch=lambda s, x: s.scale() * plain(s, s.dropout(x) * (1 - s.dropout.p if s.training else 1)),
)
mutant(MERGED, "hao-ai-lab/FastVideo#870", delta=lambda s: s.B @ s.A)
mutant(MERGED, "paiml/aprender#2138", delta=lambda s: LoRALinear.delta(s).T.reshape(s.weight.shape))
mutant(MERGED, "microsoft/LoRA#34", merge=lambda s: None)
mutant(
    "a_merged_layer_answers_the_same",
    "EricLBuehler/candle-lora#26",
    forward=lambda s, x: base_of(s, x) + s.branch(x),
)


def rounded(method):
    def call(s):
        method(s)
        s.weight.data = s.weight.data.bfloat16().double()

    return call


def unmerged(delta):
    @torch.no_grad()
    def call(s):
        s.weight -= delta(s)
        s.merged = False

    return call


THERE_AND_BACK = "unmerging_gives_the_base_back"
mutant(
    THERE_AND_BACK,
    "huggingface/trl#6688",
    merge=rounded(LoRALinear.merge),
    unmerge=rounded(LoRALinear.unmerge),
)
mutant(
    THERE_AND_BACK,
    "huggingface/peft#3531",
    unmerge=unmerged(lambda s: s.delta().T.reshape(s.weight.shape)),
)


@torch.no_grad()
def loosely(s, state):
    for name in "AB":
        if f"lora_{name}" in state and state[f"lora_{name}"].shape == getattr(s, name).shape:
            getattr(s, name).copy_(state[f"lora_{name}"])


mutant("a_missing_key_is_loud", "huggingface/peft#2699 meta-pytorch/torchtune#2537", take=loosely)
mutant("an_unexpected_key_is_loud", "huggingface/transformers#34068", take=loosely)
mutant("renamed_keys_are_loud", "vllm-project/vllm#34186", take=loosely)
mutant("a_wrong_shape_is_loud", "NVIDIA/TensorRT-LLM#17435", take=loosely)
mutant("loading_undoes_saving", "artidoro/qlora#44", take=lambda s, state: None)
mutant(
    "loading_undoes_saving",
    "mflux-community/mflux#449",
    adapter=lambda s: {"lora_A": s.A.detach().clone(), "lora_B": s.scale() * s.B.detach()},
)
mutant(
    "what_was_saved_stays_as_it_was",
    "WenjieDu/PyPOTS#667 pytorch/tutorials#188",
    adapter=lambda s: {"lora_A": s.A.detach(), "lora_B": s.B.detach()},
)
mutant(
    "the_base_stays_out_of_the_file",
    "huggingface/peft#353",
    adapter=lambda s: {**LoRALinear.adapter(s), "weight": s.weight.detach().clone()},
)


def undetached(s):
    V = s.weight + s.delta()
    return V * (s.m / V.norm(dim=1))[:, None]


def along_the_other_axis(s, V):
    return V.norm(dim=0)[torch.arange(V.shape[0]) % V.shape[1]]


mutant(
    "lengths_start_as_the_weights_norms",
    "huggingface/peft#2348",
    DoRALinear,
    norm=along_the_other_axis,
)
mutant(
    "each_units_weight_is_m_long",
    "NVlabs/DoRA#30",
    DoRALinear,
    effective=lambda s: s.weight * (s.m / s.norm(s.weight))[:, None] + s.delta(),
)
mutant("the_direction_is_that_of_V", "AnswerDotAI/fsdp_qlora#68", DoRALinear, scale=lambda s: 1.0)
mutant("the_norm_is_held_constant", "huggingface/peft#1474", DoRALinear, effective=undetached)
mutant(
    "dora_leaves_the_bias_alone",
    "ooples/AiDotNet#256",
    DoRALinear,
    forward=lambda s, x: F.linear(x, s.effective()),
)
mutant(
    "a_step_moves_every_factor",
    "meta-pytorch/torchtune#2250",
    DoRALinear,
    started=lambda s: (DoRALinear.started(s), s.m.requires_grad_(False)),
)
