"""Objectives broken in one line each. Their gradients are the mistaken loss's own."""

import numpy as np

from lora_np.conformance.ours import Objectives


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def gap(logits, targets):
    """softmax − onehot, the gradient of −log p[target]."""
    return softmax(logits) - np.eye(logits.shape[-1])[targets]


def nll(logits, targets):
    return -np.log(np.take_along_axis(softmax(logits), targets[..., None], axis=-1)[..., 0])


class PaddingInTheMean:
    law, seen = "the_mean_is_over_what_counts", "NovaSky-AI/SkyRL#462 d2l-ai/d2l-en#2707"

    def cross_entropy(logits, targets, counts):
        dlogits = counts[..., None] * gap(logits, targets) / counts.size
        return (nll(logits, targets) * counts).mean(), dlogits


class MaskedTokensPush:
    """The mask is in the denominator, and not in the numerator."""

    law, seen = "what_is_masked_has_no_gradient", "alibaba/ROLL#444 PaddlePaddle/PaddleNLP#5339"

    def cross_entropy(logits, targets, counts):
        return nll(logits, targets).sum() / counts.sum(), gap(logits, targets) / counts.sum()


class DividedTwice:
    """By the number of items, and again by the number of steps."""

    law, seen = "dlogits_is_p_less_onehot", "unslothai/unsloth-zoo#1023"

    def cross_entropy(logits, targets, counts):
        loss, dlogits = Objectives.cross_entropy(logits, targets, counts)
        return loss, dlogits / 2


class MeanOfMeans:
    law, seen = "shards_add_up_to_the_whole", "ml-explore/mlx-lm#1413 huggingface/blog#2414"

    def accumulate(shards):
        done = [Objectives.cross_entropy(*shard) for shard in shards]
        return np.mean([loss for loss, _ in done]), [d / len(done) for _, d in done]


class SumOfMeans:
    law, seen = "shards_add_up_to_the_whole", "NVIDIA-NeMo/RL#84"

    def accumulate(shards):
        done = [Objectives.cross_entropy(*shard) for shard in shards]
        return sum(loss for loss, _ in done), [dlogits for _, dlogits in done]


class DPOWithoutItsReference:
    law, seen = "dpo_starts_at_log_two", "locuslab/open-unlearning#30"

    def dpo(chosen, rejected, ref_chosen, ref_rejected, beta):
        return np.log1p(np.exp(-beta * (chosen - rejected))).mean()


class DPOLosesTheRejected:
    """A sum that runs over the chosen text alone."""

    law = "swapping_a_pair_gives_the_margin_back"
    seen = "haozheji/exact-optimization#2 QwenAudio/CosyVoice#1449"

    def dpo(chosen, rejected, ref_chosen, ref_rejected, beta):
        return np.log1p(np.exp(-beta * (chosen - ref_chosen))).mean()


class MinimumBeforeTheAdvantage:
    law = "ppo_takes_the_lesser_gain"
    seen = "takuseno/ppo#3 tensorforce/tensorforce#106"

    def ppo(logp, old_logp, advantages, clip):
        ratio = np.exp(logp - old_logp)
        kept = np.minimum(ratio, np.clip(ratio, 1 - clip, 1 + clip))
        dlogp = -advantages * ratio * (ratio <= 1 + clip) / len(logp)
        return -(kept * advantages).mean(), dlogp


class ClampsTheSurrogate:
    """The product is clipped, and not the ratio."""

    law, seen = "ppo_takes_the_lesser_gain", "alexis-jacq/Pytorch-DPPO#3"

    def ppo(logp, old_logp, advantages, clip):
        free = np.exp(logp - old_logp) * advantages
        clipped = np.clip(free, 1 - clip, 1 + clip)
        dlogp = -free * (free <= clipped) / len(logp)
        return -np.minimum(free, clipped).mean(), dlogp


class WhateverIsOutsideRests:
    """Clipped without the minimum: a ratio that has gone the wrong way never comes back."""

    law = "ppo_rests_exactly_where_the_clip_binds"
    seen = "ray-project/ray#37334"

    def ppo(logp, old_logp, advantages, clip):
        ratio = np.exp(logp - old_logp)
        inside = (ratio >= 1 - clip) & (ratio <= 1 + clip)
        loss = -(np.clip(ratio, 1 - clip, 1 + clip) * advantages).mean()
        return loss, -advantages * ratio * inside / len(logp)


class TheRatioHasNoGradient:
    law, seen = "ppo_starts_as_the_policy_gradient", "thu-ml/tianshou#742"

    def ppo(logp, old_logp, advantages, clip):
        return Objectives.ppo(logp, old_logp, advantages, clip)[0], 0 * logp


class MeanOverTheClassesToo:
    """KLDivLoss's "mean" divides by the vocabulary as well."""

    law = "distillation_keeps_its_size_at_any_temperature"
    seen = "HikariTJU/LD#74 facebookresearch/deit#61 haitongli/knowledge-distillation-pytorch#2"

    def distillation(student, teacher, temperature):
        loss, dlogits = Objectives.distillation(student, teacher, temperature)
        return loss / student.shape[-1], dlogits / student.shape[-1]


class LogarithmForTheProbabilities:
    """The target was given as log-probabilities where probabilities were meant."""

    law, seen = "distillation_is_zero_at_the_teacher", "nlp-with-transformers/notebooks#94"

    def distillation(student, teacher, temperature):
        p, q = softmax(student / temperature), softmax(teacher / temperature)
        log_q, T, n = np.log(q), temperature, student[..., 0].size
        loss = T * T * (-log_q * np.log(p)).sum() / n
        return loss, T * (p * log_q.sum(axis=-1, keepdims=True) - log_q) / n
