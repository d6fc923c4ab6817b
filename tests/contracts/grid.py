"""Any method under any objective on any task: the whole grid, a few steps in each cell.

    CASES       what moves: every entry of the methods' contract (method_cases.py for a GPT,
                llama_cases.py for a Llama)
    OBJECTIVES  what teaches: how each makes its batch of a task's texts
    TASKS       what it reads

`cell(...)` trains and checks that what should move moves, and nothing else.
"""

from dataclasses import dataclass, replace

import numpy as np

from contracts import llama_cases
from helpers.models import moved, small_gpt
from lora_np.methods import HeadTuning, QLoRA
from lora_np.methods.inputs.own_rows import TokenEmbedding
from lora_np.nn import GPTConfig, LlamaConfig
from lora_np.objectives import (
    DPO,
    PPO,
    Distillation,
    VerbalizedCrossEntropy,
    bradley_terry,
    context_distillation,
    cross_entropy,
)
from lora_np.quant import QuantizedLinear
from lora_np.quant.int8 import Int8Embedding
from lora_np.tasks import (
    Batch,
    Pattern,
    Raft,
    Store,
    World,
    dpo_pairs,
    next_token,
    reference,
    reward_pairs,
    sample_policy,
    taught,
    without_context,
)
from lora_np.tasks.reference import vocabulary
from lora_np.tasks.worlds import raft, reviews, skills
from lora_np.tasks.worlds.markov import MarkovSource
from lora_np.train import AdamW

CONFIG = GPTConfig(vocab_size=reviews.VOCABULARY, n_positions=32, n_embd=8, n_layer=2, n_head=2)
LLAMA = LlamaConfig(
    vocab_size=reviews.VOCABULARY,
    max_position_embeddings=32,
    hidden_size=32,
    head_dim=2,
    intermediate_size=12,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
)
LLAMA_CASES = [
    *llama_cases.CASES,
    llama_cases.alone(
        "QLoRA, 8-bit embeddings",
        QLoRA(2, 3.0, "all-linear", double_quant=True, int8_embeddings=True),
        None,
    ),
]
SIZE, STEPS, PROMPT = 4, 2, 3  # at the second step LoRA's A moves, for B is 0 no more
RNG = np.random.default_rng


# What it reads: (rng) -> Batch of 4 texts, longer than PROMPT
def plain_text(rng):
    return next_token(MarkovSource(rng, 6, 1).sample(SIZE, 9, rng))


def instructions(rng):
    return skills.Skill("add 5").batch(SIZE, rng)


def reviews_with_verdicts(rng):
    return reviews.with_verdicts(SIZE, rng)


def labelled_texts(rng):
    return Pattern().batch(*reviews.reviews(SIZE, rng), CONFIG.n_positions)


def texts_in_a_pattern(rng):
    asks = Pattern(tuple(reviews.encode("in short")), tuple(reviews.encode("it was")))
    return asks.batch(*reviews.reviews(SIZE, rng), CONFIG.n_positions)


def some_golden_documents(rng):
    return Raft(World((3, 1, 4)), 0.6).batch(SIZE, rng)


def retrieved_documents(rng):
    documents = World((3, 1, 4)).documents(rng)
    store, texts, answers = Store(documents), [], []
    for key in rng.integers(raft.KEYS, size=SIZE):
        found = [documents[i] for i in store.search((raft.ASK, key), 2)]
        texts.append(raft.reading(found, (raft.ASK, key), CONFIG.n_positions))
        answers.append(documents[key][1])
    return raft.answered(np.stack(texts), np.array(answers))


TASKS = [
    plain_text,
    instructions,
    reviews_with_verdicts,
    labelled_texts,
    texts_in_a_pattern,
    some_golden_documents,
    retrieved_documents,
]


# What teaches: (model, teacher, batch, rng) -> the batch that the objective needs
def as_it_is(model, teacher, batch, rng):
    return batch


def two_labels(model, teacher, batch, rng):
    return replace(batch, targets=batch.targets % 2)


def with_teacher(model, teacher, batch, rng):
    return taught(model, teacher, batch)


def with_context_taken_away(model, teacher, batch, rng):
    return without_context(model, teacher, batch.tokens[0, :2], batch.tokens, PROMPT)


def as_reward_pairs(model, teacher, batch, rng):
    return reward_pairs(pairs(batch))


def as_dpo_pairs(model, teacher, batch, rng):
    return dpo_pairs(model, reference(model), pairs(batch), PROMPT)


def pairs(batch):
    """Two texts of a pair answer one prompt, and differ at their ends at least."""
    tokens = batch.tokens.copy()
    tokens[1::2, :PROMPT] = tokens[0::2, :PROMPT]
    tokens[1::2, -1] = (tokens[0::2, -1] + 1) % 3
    return tokens


def as_prompts(model, teacher, batch, rng):
    def reward(tokens, lengths):
        return rng.standard_normal(len(tokens))

    prompts, options = batch.tokens[:2, :PROMPT], {"group": 2, "beta": 0.1, "rng": rng}
    return sample_policy(model, reference(model), reward, prompts, 3, **options)


@dataclass(frozen=True)
class Teaching:
    """An objective, how to make its batch of a task's, and the head that it must have, if any."""

    name: str
    objective: object
    batch: object
    n_classes: int | None = None


OBJECTIVES = [
    Teaching("cross-entropy", cross_entropy, as_it_is),
    Teaching("cross-entropy of labels", cross_entropy, two_labels, 2),
    Teaching("verbalizer", VerbalizedCrossEntropy((2, 0)), two_labels),
    Teaching("distillation", Distillation(2.0, hard=0.5), with_teacher),
    Teaching("context distillation", context_distillation, with_context_taken_away),
    Teaching("reward model", bradley_terry, as_reward_pairs, 1),
    Teaching("PPO", PPO(), as_prompts),
    Teaching("DPO", DPO(), as_dpo_pairs),
]


def apply(case, teaching, base, rng):
    """The case's methods, behind the head that the objective must have, if any."""
    methods, model = case.build(base.config), base
    if teaching.n_classes:
        others = [method for method in methods if not isinstance(method, HeadTuning)]
        methods = [HeadTuning(teaching.n_classes), *others]
    for method in methods:
        model = method.apply(model, rng)
    return model


def cell(case, teaching, task, config=CONFIG, seed=0):
    """Train for a few steps; every frozen byte stays, everything that learns has moved.

    Two may stay: ln_f's bias adds the same to every reward, and only differences count; and rows
    of tokens of which none was read for logits that count, unless the head reads them too.
    """
    rng, base = RNG(seed), small_gpt(config, np.float32, seed)
    model, teacher = apply(case, teaching, base, rng), moved(apply(case, teaching, base, rng))
    base_before, before = contents(base), contents(model)
    learns = {name for name, p in model.named_parameters() if p.trainable}
    optimizer, K = AdamW(model.trainable_parameters(), lr=1e-2), vocabulary(model)
    read = set()
    for _ in range(STEPS):
        batch = task(rng)
        if K < config.vocab_size and not teaching.n_classes:  # a small head has few words
            batch = Batch(batch.tokens % K, batch.targets % K, batch.weights)
        batch = teaching.batch(model, teacher, batch, rng)
        logits, cache = model.forward(batch.tokens)
        loss, dlogits = teaching.objective(logits, batch)
        assert np.isfinite(loss) and dlogits.dtype == np.float32 and dlogits.any()
        counts = np.logical_or.accumulate(dlogits.any(axis=-1)[:, ::-1], axis=1)[:, ::-1]
        read |= {*batch.tokens[counts].tolist()}  # up to each text's last logits that count
        model.backward(dlogits, cache)
        assert all(p.grad is None for p in model.parameters() if not p.trainable)
        optimizer.step()
    after, may_stay = contents(model), unread(model, read)
    may_stay |= {"ln_f.bias"} if teaching.objective is bradley_terry else set()
    still = [name for name in before if after.get(name) == before[name]]
    lazy = sorted(learns.intersection(still) - may_stay)
    assert not lazy, f"should have moved: {lazy}"
    assert set(before) == set(after) == learns.union(still), "something frozen moved"
    assert contents(base) == base_before, "the base moved"


def unread(model, read):
    """The name of an embedding's own rows where none of them is among the tokens `read`."""
    inner = model.unwrapped()
    rows = inner.wte.tokens if isinstance(inner.wte, TokenEmbedding) else None
    in_head = rows is not None and rows is getattr(inner.lm_head, "tokens", None)
    return set() if rows is None or in_head or read & set(inner.wte.ids) else {"wte.tokens"}


def contents(model):
    """{name: bytes} of all numbers, layers in 4 and 8 bits included."""
    kept = {name: p.data.tobytes() for name, p in model.named_parameters()}
    for i, module in enumerate(model.modules()):
        if isinstance(module, QuantizedLinear):
            kept[f"codes {i}"] = module.quantized.codes.tobytes()
        if isinstance(module, Int8Embedding):
            kept[f"codes {i}"] = module.table.codes.tobytes()
    return kept
