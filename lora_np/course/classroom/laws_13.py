"""Lesson 13: a real model. None of these needs its weights: its form and its shapes are enough."""

import numpy as np
from hypothesis import strategies as st

from ...methods.low_rank.lora import LoRA
from ...methods.low_rank.lora_linear import LoRALinear
from ...methods.targets import layers_of
from ...nn.llama import Llama, LlamaConfig
from .exercise import Exercise
from .inputs import Broken, expect, parts, same, tenths

TURNS = Exercise("13.1", "Only the answers count", "implement", answer="chat_targets", points=3)
START, END, ROLES = 0, 1, {"system": 2, "user": 3, "assistant": 4}


@st.composite
def conversations(draw):
    """{turns}: (role, tokens) pairs; perhaps a system's, then questions and answers in turn."""
    roles = ["system"] * draw(st.booleans(), label="with a system's turn")
    roles += ["user", "assistant"] * draw(st.integers(1, 2), label="questions")
    words = st.lists(st.integers(5, 9), min_size=1, max_size=3)
    return {"turns": [(role, draw(words, label=role)) for role in roles]}


def written_out(turns):
    """(all tokens, and for each of them whose turn it is and which part of it)."""
    tokens, owners = [], []
    for role, words in turns:
        tokens += [START, ROLES[role], *words, END]
        owners += [(role, "mark that begins"), (role, "role's token of")]
        owners += [(role, "text of")] * len(words) + [(role, "mark that ends")]
    return tokens, owners


def counted(owner):
    return owner in (("assistant", "text of"), ("assistant", "mark that ends"))


def weighed(chat_targets, turns):
    """The answer's weights, and whose each target is. Raises: Broken for another shape."""
    owners = written_out(turns)[1][1:]
    _, _, weights = parts(chat_targets(turns), "tokens", "targets", "weights")
    weights = np.asarray(weights, float)
    expect(
        weights.shape == (len(owners),),
        f"weights: your shape is {weights.shape}, expected {(len(owners),)}",
    )
    return weights, owners


@TURNS.law("tokens and targets are the same text, one place apart", conversations())
def shifted_by_one(chat_targets, turns):
    """Every token but the last is read; every token but the first is a target (lesson 7)."""
    text, _ = written_out(turns)
    tokens, targets, _ = parts(chat_targets(turns), "tokens", "targets", "weights")
    same("tokens", tokens, text[:-1], 0)
    same("targets", targets, text[1:], 0)


@TURNS.law("a target that the model is only to read has weight 0", conversations())
def what_is_read_does_not_count(chat_targets, turns):
    """A weight belongs to a target, not to the token that stands at the same place. And who writes
    the mark and the role's token that begin an answer: the model, or whoever asks it?"""
    for at, (weight, owner) in enumerate(zip(*weighed(chat_targets, turns))):
        role, part = owner
        told = f"target {at}, the {part} the {role}'s turn, has the weight {weight:g}"
        expect(counted(owner) or weight == 0, told)


@TURNS.law("every answer counts with weight 1, and so does the mark that ends it", conversations())
def every_answer_counts(chat_targets, turns):
    """There may be more than one answer. And a model that never learns to stop goes on."""
    for at, (weight, owner) in enumerate(zip(*weighed(chat_targets, turns))):
        told = f"target {at}, the {owner[1]} an assistant's turn, has the weight {weight:g}"
        expect(not counted(owner) or weight == 1, told)


BUDGET = Exercise("13.2", "Three megabytes", "design", answer="adapter", points=3)
BYTES = 3_000_000
SMOLLM2 = LlamaConfig(
    vocab_size=49152, hidden_size=576, intermediate_size=1536, num_hidden_layers=30,
    num_attention_heads=9, num_key_value_heads=3,
)  # fmt: skip
FEED_FORWARD = ("gate_proj", "up_proj", "down_proj")


def tuned(adapter, more=0):
    """SmolLM2's shapes with this LoRA beside them; the base takes no memory. Raises: Broken."""
    try:
        rank, targets = adapter["rank"], adapter["targets"]
    except (TypeError, KeyError, IndexError):
        raise Broken('expected a dict {"rank": …, "targets": …}') from None
    model = Llama(SMOLLM2, None)
    try:
        return LoRA(rank + more, 16.0, targets).apply(model, np.random.default_rng(0))
    except (ValueError, TypeError, AttributeError) as error:
        raise Broken(f"LoRA refuses it: {str(error)[:200]}") from None


def bytes_of(model):
    return sum(parameter.data.nbytes for parameter in model.trainable_parameters())


@BUDGET.law("each target matches a layer, and the rank is one that LoRA takes")
def it_can_be_applied(adapter):
    """A Llama's matrices have other names than GPT-2's; lesson 13 lists them."""
    tuned(adapter)


@BUDGET.law("q_proj, v_proj and a feed-forward matrix learn in every block")
def enough_is_reached(adapter):
    """A target is the end of a dotted name (exercise 8.1): one with a number is one block's."""
    reached = [name.split(".")[-1] for name, _ in layers_of(tuned(adapter), LoRALinear)]
    blocks = SMOLLM2.num_hidden_layers
    for kind in ("q_proj", "v_proj"):
        expect(reached.count(kind) == blocks, f"{kind}: {reached.count(kind)} of {blocks} blocks")
    most = max(reached.count(kind) for kind in FEED_FORWARD)
    expect(most == blocks, f"a feed-forward matrix: {most} of {blocks} blocks")


@BUDGET.law("all A and B together take at most 3,000,000 bytes")
def it_fits(adapter):
    """r·(in + out) numbers of 4 bytes for each matrix, and there are 30 blocks."""
    held = bytes_of(tuned(adapter))
    expect(held <= BYTES, f"they take {held:,} bytes")


@BUDGET.law("with one rank more they would not")
def none_is_given_away(adapter):
    """Keys and values are shared by three heads each: are k_proj and v_proj as wide as q_proj?"""
    held = bytes_of(tuned(adapter, more=1))
    expect(held > BYTES, "a larger rank fits too: something was counted too large")


SHARED = Exercise("13.3", "Nine heads, three keys", "find the bug", answer="shared", points=3)


@st.composite
def key_value_heads(draw):
    """{kv, dy, n}: kv (B, G, T, hd), n query heads a group, dy (B, G·n, T, hd)."""
    G, n = draw(st.integers(2, 3), label="G"), draw(st.integers(2, 3), label="n")
    B, T = draw(st.integers(1, 2), label="B"), draw(st.integers(2, 3), label="T")
    seed = draw(st.integers(0, 99), label="seed")
    return {"kv": tenths([seed, 0], B, G, T, 2), "dy": tenths([seed, 1], B, G * n, T, 2), "n": n}


@SHARED.law("a key-value head stands there for each query head", key_value_heads())
def shape_is_that_of_the_queries(shared, kv, dy, n):
    """Which of the four axes grows, and by how much?"""
    share, _ = parts(shared, "share", "share_backward")
    got = np.shape(share(kv, n))
    expect(got == dy.shape, f"your shape is {got}, expected {dy.shape}")


@SHARED.law("neighbours share: query heads 0 to n − 1 ask key-value head 0", key_value_heads())
def neighbours_share(shared, kv, dy, n):
    """Write the number of the key-value head below each query head: 0 1 2 0 1 2, or 0 0 1 1 2 2?"""
    share, _ = parts(shared, "share", "share_backward")
    B, G, T, hd = kv.shape
    grouped = np.broadcast_to(kv[:, :, None], (B, G, n, T, hd))
    same("the heads", share(kv, n), grouped.reshape(dy.shape))


@SHARED.law("what was read by n heads gets the gradients of all n, added", key_value_heads())
def gradients_add(shared, kv, dy, n):
    """The same numbers went n ways (lesson 2: used twice, so its gradients add), and those n stand
    where forward put them."""
    _, back = parts(shared, "share", "share_backward")
    B, G, T, hd = kv.shape
    same("dkv", back(dy, n), dy.reshape(B, G, n, T, hd).sum(axis=2))


EXERCISES = [TURNS, BUDGET, SHARED]
