"""Combining, saving and loading, fused and quantized layers, broken in one line each."""

import numpy as np

from conformance.reference import (
    Reference,
    ReferenceDoRA,
    ReferenceQKV,
    ReferenceQLoRA,
    ReferenceRSLoRA,
)


class WeightOnAOnly(Reference):
    """Factors are added, and the weight comes in with one of them."""

    law, seen = "a_combination_adds_the_products", "huggingface/peft#1155"

    def combine(self, layers, weights):
        both = self.make(layers[0].W, layers[0].rank, self.alpha_for_one(layers[0].rank))
        both.A = sum(w * self.scale(layer) * layer.A for w, layer in zip(weights, layers))
        both.B = sum(layer.B for layer in layers)
        return both


class AddsTheFactors(Reference):
    law = "a_combination_adds_the_products"
    seen = "kohya-ss/sd-scripts#586 huggingface/peft#3004 huggingface/peft#643"

    def combine(self, layers, weights):
        both = self.make(layers[0].W, layers[0].rank, self.alpha_for_one(layers[0].rank))
        roots = [np.sqrt(abs(w) * self.scale(layer)) for w, layer in zip(weights, layers)]
        both.A = sum(root * layer.A for root, layer in zip(roots, layers))
        both.B = sum(root * layer.B for root, layer in zip(roots, layers))
        return both


class SignOnBothFactors(Reference):
    """−1 on A and −1 on B is 1 on their product."""

    law, seen = "a_negative_weight_takes_away", "huggingface/peft#3004"

    def combine(self, layers, weights):
        return super().combine(layers, np.abs(weights))


class AlphaIsIgnoredInCombining(Reference):
    """Whatever weights are asked for, the result is the same."""

    law, seen = "a_combination_is_linear_in_its_weights", "cloneofsimo/lora#187"

    def combine(self, layers, weights):
        return super().combine(layers, [1.0] * len(layers))


class FirstScaleForAll(Reference):
    """The new adapter's settings are copied from the first."""

    law, seen = "ranks_and_scales_may_differ", "huggingface/peft#3449"

    def combine(self, layers, weights):
        both = super().combine(layers, weights)
        scaled = [w * self.scale(layers[0]) * layer.B for w, layer in zip(weights, layers)]
        both.B = np.concatenate(scaled)
        return both


class RSLoRACombinedTooLarge(ReferenceRSLoRA):
    """α = r for a scale of 1, which under rsLoRA is √r."""

    law, seen = "one_adapter_at_weight_one_is_itself", "huggingface/peft#3449"

    def alpha_for_one(self, rank):
        return rank


class DoRALosesItsLengths(ReferenceDoRA):
    law, seen = "one_adapter_at_weight_one_is_itself", "huggingface/peft#3761"

    def combine(self, layers, weights):
        (layer,) = layers
        both = self.make(layer.W, layer.rank, layer.alpha)
        both.A, both.B = layer.A, weights[0] * layer.B
        return both


class SavesNothing(Reference):
    """An adapter file of 443 bytes."""

    law, seen = "loading_undoes_saving", "artidoro/qlora#44"

    def save(self, layer):
        return {}

    def load(self, layer, state):
        return layer


class SavesTheScaleToo(Reference):
    """The file holds s·B, and what loads it multiplies by s again."""

    law, seen = "loading_undoes_saving", "mflux-community/mflux#449 huggingface/diffusers#13998"

    def save(self, layer):
        return {**super().save(layer), "lora_B": self.scale(layer) * layer.B}


class ScaleIsRecomputedOnLoading(ReferenceRSLoRA):
    """An rsLoRA adapter comes back as a LoRA."""

    law, seen = "loading_undoes_saving", "paiml/aprender#2111"

    def load(self, layer, state):
        layer = super().load(layer, state)
        layer.alpha = layer.alpha / layer.rank**0.5
        return layer


class SavesAView(Reference):
    law, seen = "what_was_saved_stays_as_it_was", "WenjieDu/PyPOTS#667 pytorch/tutorials#188"

    def save(self, layer):
        return {"lora_A": layer.A, "lora_B": layer.B}

    def set_factors(self, layer, **factors):
        for name, value in factors.items():
            getattr(layer, name)[...] = value


class DropsWhatDoesNotFit(Reference):
    def load(self, layer, state):
        known = {f"lora_{name}": name for name in self.factors(layer)}
        self.set_factors(layer, **{known[key]: state[key] for key in known.keys() & state.keys()})
        return layer


class MissingKeysAreSilent(DropsWhatDoesNotFit):
    law = "a_missing_key_is_loud"
    seen = "huggingface/peft#2699 huggingface/peft#2566 meta-pytorch/torchtune#2537"


class UnexpectedKeysAreSilent(DropsWhatDoesNotFit):
    law, seen = "an_unexpected_key_is_loud", "huggingface/transformers#34068"


class APrefixMoreIsSilent(DropsWhatDoesNotFit):
    law, seen = "renamed_keys_are_loud", "vllm-project/vllm#34186"


class AnyShapeWillDo(Reference):
    """A span that is too short or too long is cut to what there is."""

    law, seen = "a_wrong_shape_is_loud", "NVIDIA/TensorRT-LLM#17435"

    def load(self, layer, state):
        layer.A, layer.B = (
            state[f"lora_{name}"][tuple(map(slice, value.shape))]
            for name, value in self.factors(layer).items()
        )
        return layer


class SavesTheBaseAsWell(Reference):
    law, seen = (
        "the_base_stays_out_of_the_file",
        "huggingface/peft#353 xxw1995/chatglm3-finetune#13",
    )

    def save(self, layer):
        return {**super().save(layer), "weight": layer.W.copy()}


class MergesOntoTheGivenWeight(ReferenceQLoRA):
    law, seen = (
        "qlora_merges_onto_what_training_saw",
        "unslothai/unsloth-zoo#810 artidoro/qlora#254",
    )

    def merge(self, layer):
        return layer.given + self.delta(layer)


class KeysAsWideAsQueries(ReferenceQKV):
    """Every part is taken to be a third of the columns."""

    law = "each_part_gets_its_own_delta"
    seen = "Lightning-AI/litgpt#357 google-ai-edge/litert-torch#1066"

    def delta(self, layer):
        delta = np.zeros_like(layer.W)
        third = layer.W.shape[1] // 3
        for place, part in enumerate(layer.sizes):
            columns = delta[:, place * third : (place + 1) * third]
            width = min(columns.shape[1], layer.sizes[part])
            columns[:, :width] = self.part(layer, part)[:, :width]
        return delta


class RankOfAllParts(ReferenceQKV):
    """The factors are stacked, r becomes as many times r, and α stays."""

    law, seen = "each_part_gets_its_own_delta", "kohya-ss/sd-scripts#2204"

    def scale(self, layer):
        return layer.alpha / (layer.rank * max(len(layer.enabled), 2))


class AMissingPartIsFilledIn(ReferenceQKV):
    """Where a part has no factors, another's stand in."""

    law, seen = "a_part_left_out_stays_the_base", "sgl-project/sglang#23632"

    def part(self, layer, part):
        if part in layer.enabled:
            return super().part(layer, part)
        other = super().part(layer, layer.enabled[0])
        return np.resize(other, (len(layer.W), layer.sizes[part]))


class PaddedAcrossRows(ReferenceQKV):
    """Zeros were put between the parts along the wrong axis, which merging alone uses."""

    law, seen = "fused_merged_equals_forward", "Lightning-AI/lit-llama#185"

    def merge(self, layer):
        parts = [self.part(layer, part) for part in layer.sizes]
        return layer.W + np.concatenate([p.T for p in parts]).reshape(layer.W.shape)
