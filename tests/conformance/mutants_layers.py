"""A LoRA layer broken in one line: `law` is the one that names it, `seen` a public report of it.

The reports are GitHub's, as owner/repository#number. Some are of code in other languages or
frameworks; what is kept here is the mistake, written anew.
"""

import numpy as np

from conformance.reference import Reference, ReferenceRSLoRA


class AlphaIsTheScale(Reference):
    law, seen = "the_scale_is_alpha_over_r", "Blaizzy/mlx-vlm#845 rasbt/LLMs-from-scratch#821"

    def scale(self, layer):
        return layer.alpha


class NoScale(Reference):
    law, seen = "the_scale_is_alpha_over_r", "mflux-community/mflux#449"

    def scale(self, layer):
        return 1.0


class AlphaIsIgnored(Reference):
    law, seen = "twice_alpha_is_twice_the_branch", "AnswerDotAI/fsdp_qlora#68"

    def scale(self, layer):
        return 20.0


class RankOfTheDefaults(Reference):
    """The adapter's own rank was not read back: 8, whatever it is."""

    law, seen = "zeros_added_to_the_factors_change_nothing", "ml-explore/mlx-examples#622"

    def scale(self, layer):
        return layer.alpha / 8


class RSLoRAScaledAsLoRA(ReferenceRSLoRA):
    law = "the_scale_of_rslora_is_alpha_over_root_r"
    seen = "NVIDIA/TensorRT-LLM#1668 sgl-project/sglang#40835"

    def scale(self, layer):
        return layer.alpha / layer.rank


class FactorsLeftTransposed(Reference):
    """The other library's layout, which fits wherever the sizes happen to agree."""

    law, seen = "the_branch_is_a_multiple_of_x_A_B", "osaurus-ai/vmlx-swift#320"

    def branch(self, layer, x):
        A, B = layer.A, layer.B
        if len(A) == B.shape[1]:
            A, B = B.T, A.T
        return self.scale(layer) * (x @ A @ B)


class FirstRowAlone(Reference):
    """The whole batch went to a function that was made for one token."""

    law, seen = "each_row_is_its_own", "ohdearquant/lattice#747"

    def branch(self, layer, x):
        y = np.zeros((*x.shape[:-1], layer.B.shape[1]))
        y.reshape(-1, y.shape[-1])[0] = (
            self.scale(layer) * x.reshape(-1, x.shape[-1])[0] @ (layer.A @ layer.B)
        )
        return y


class ForgetsTheBias(Reference):
    law, seen = "the_bias_is_added_once", "ooples/AiDotNet#256"

    def forward(self, layer, x):
        return x @ layer.W + (0 if layer.merged else self.branch(layer, x))


class BStartsRandom(Reference):
    law, seen = "it_starts_at_the_base", "hao-ai-lab/FastVideo#781 ggml-org/llama.cpp#4082"

    def start(self, n_in, n_out, rank):
        rng = np.random.default_rng(0)
        return rng.uniform(-1, 1, (n_in, rank)), rng.uniform(-1, 1, (rank, n_out))


class BothStartAtZero(Reference):
    law, seen = "it_starts_ready_to_learn", "nvidia-cosmos/cosmos-predict2.5#15"

    def start(self, n_in, n_out, rank):
        return np.zeros((n_in, rank)), np.zeros((rank, n_out))


class AStartsConstant(Reference):
    """The framework's default initializer where the method's own was meant."""

    law, seen = "its_directions_start_apart", "PaddlePaddle/PaddleNLP#5330"

    def start(self, n_in, n_out, rank):
        return np.ones((n_in, rank)), np.zeros((rank, n_out))


class CutOffFromTheGraph(Reference):
    """The branch was rebuilt as a new tensor, and no gradient reaches B."""

    law, seen = "dB_is_the_derivative", "paiml/aprender#2232"

    def gradients(self, layer, x, dy):
        gradients = super().gradients(layer, x, dy)
        return {**gradients, "B": 0 * gradients["B"]}


class CutOffFromTheGraphAtA(CutOffFromTheGraph):
    law = "dA_is_the_derivative"

    def gradients(self, layer, x, dy):
        gradients = Reference.gradients(self, layer, x, dy)
        return {**gradients, "A": 0 * gradients["A"]}


class DropoutOnTheWhole(Reference):
    law, seen = "dropout_spares_the_base", "axolotl-ai-cloud/axolotl#3528"

    def train_forward(self, layer, x, seed):
        return self.forward(layer, self.dropped(layer, x, seed))


class DropoutAlwaysOn(Reference):
    """A layer put into a model that is in use begins in training."""

    law, seen = "dropout_is_for_training_only", "huggingface/peft#3753"

    def forward(self, layer, x):
        return self.train_forward(layer, x, 0)


class ScaledDownInUse(Reference):
    """Both kinds of dropout at once: divided by 1 − p in training, multiplied by it in use."""

    law, seen = "dropout_is_for_training_only", "ooples/AiDotNet#256"

    def branch(self, layer, x):
        return (1 - layer.dropout) * Reference.branch(self, layer, x)

    def train_forward(self, layer, x, seed):
        branch = Reference.branch(self, layer, self.dropped(layer, x, seed))
        return x @ layer.W + layer.bias + branch


class DropoutNeverApplied(Reference):
    law, seen = "dropout_keeps_the_mean", "meta-pytorch/torchtune#996 paiml/aprender#2170"

    def dropped(self, layer, x, seed):
        return x


class DropoutNotDivided(Reference):
    law, seen = "dropout_keeps_the_mean", "KohakuBlueleaf/LyCORIS#106"

    def dropped(self, layer, x, seed):
        return super().dropped(layer, x, seed) * (1 - layer.dropout)


class TheBaseLearns(Reference):
    law = "a_step_leaves_the_base_alone"
    seen = "alexdenker/SteerableConditionalDiffusion#1 pytorch/torchtitan#3438"

    def train(self, layer, x, dy, lr):
        super().train(layer, x, dy, lr)
        layer.W = layer.W - lr * x.reshape(-1, x.shape[-1]).T @ dy.reshape(-1, dy.shape[-1])


class AFactorIsStuck(Reference):
    """It was replaced by a tensor that the optimizer does not know."""

    law, seen = "a_step_moves_every_factor", "juyongjiang/KaSA#2 tloen/alpaca-lora#352"

    def train(self, layer, x, dy, lr):
        before = layer.A
        super().train(layer, x, dy, lr)
        layer.A = before


class MergesWithoutScale(Reference):
    law, seen = "merged_equals_forward", "hao-ai-lab/FastVideo#870 huggingface/peft#2489"

    def delta(self, layer):
        return layer.A @ layer.B


class MergesTransposed(Reference):
    law, seen = "merged_equals_forward", "paiml/aprender#2138 microsoft/LoRA#61"

    def delta(self, layer):
        delta = super().delta(layer)
        return delta.T.reshape(delta.shape)


class NeverMerges(Reference):
    """The method that merges is one that nobody calls."""

    law, seen = "merged_equals_forward", "microsoft/LoRA#34 EricLBuehler/candle-lora#26"

    def merge(self, layer):
        return layer.W


class AddsItsBranchWhenMerged(Reference):
    law, seen = "a_merged_layer_answers_the_same", "EricLBuehler/candle-lora#26"

    def forward(self, layer, x):
        return x @ layer.W + layer.bias + self.branch(layer, x)


class MergesInHalfPrecision(Reference):
    """Each cycle rounds anew, and what is lost adds up."""

    law, seen = "unmerging_gives_the_base_back", "huggingface/trl#6688"

    def merge(self, layer):
        return self.rounded(layer, super().merge(layer))

    def unmerge(self, layer):
        return self.rounded(layer, super().unmerge(layer))

    def rounded(self, layer, W):
        layer.W = W.astype(np.float16).astype(W.dtype)
        return layer.W


class UnmergesAlongTheOtherAxis(Reference):
    law, seen = "unmerging_gives_the_base_back", "huggingface/peft#3531"

    def unmerge(self, layer):
        delta = self.delta(layer)
        layer.W, layer.merged = layer.W - delta.T.reshape(delta.shape), False
        return layer.W
