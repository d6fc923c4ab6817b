"""A row for every numeric setting: its place in lora_np, a call with good values for the others,
and which of KINDS each one is.
"""

from dataclasses import fields
from functools import partial

import numpy as np

from contracts.setting_rows_quant import ONE, QUANT_ROWS, small
from helpers.models import small_gpt, some_tokens
from lora_np import Linear, methods, objectives
from lora_np.conformance import check
from lora_np.generation import sampling
from lora_np.gradcheck import (
    check_directional,
    check_gradients,
    check_objective,
    numerical_gradient,
)
from lora_np.methods import combine
from lora_np.methods.low_rank import lora_init, lora_starts
from lora_np.nn import GPTConfig, LlamaConfig, Parameter, attention, mlp, norm, rotary
from lora_np.recipes import finetune, pretrain, step_memory, sweep
from lora_np.tasks import batch, held_out, policy, preferences, retrieval, samples, text
from lora_np.tasks.worlds import markov, raft
from lora_np.tokenizers.byte import ByteTokenizer
from lora_np.train import loop, lora_fa, optim, rank_allocation, step
from lora_np.worked_example import numbers


def base():
    return Linear(np.eye(8, dtype=np.float32))


def logits_and_batch(kind=batch.Batch, **more):
    tokens = some_tokens()
    return np.zeros((3, 5, 7)), kind(tokens, tokens, np.ones(tokens.shape), **more)


def reading(kind="text"):
    if kind == "text":
        return text.split("t", {f"{i}": "words and words " * 9 for i in range(5)})
    pairs = [(f"question {i}?", f"answer {i}") for i in range(9)]
    return samples.samples("s", pairs, ByteTokenizer)


def drawn(of, method, **given):
    """The first batch: a generator checks what it is given when it begins."""
    return next(iter(getattr(reading(of), method)(**given)))


def one_step(**given):
    given = {"steps": 1, "progress": False} | given
    model = methods.FullFineTuning().apply(small_gpt(), None)
    one = optim.SGD(model.trainable_parameters(), lr=0.1)
    batches = (logits_and_batch()[1] for _ in range(9))
    return loop.train(model, batches, objectives.cross_entropy, one, **given)


def sampled(**given):
    given = {"n": 2, "group": 2, "beta": 0.1} | given
    model, rng = small_gpt(), np.random.default_rng(0)
    return policy.sample_policy(model, model, lambda *_: np.zeros(2), [[1, 2]], rng=rng, **given)


def fine_tuned(**given):
    given = {"steps": 1, "batch_size": 1, "length": 4, "windows": 1, "progress": False} | given
    config = GPTConfig(257, 16, 8, 1, 2)
    return finetune.finetune(small_gpt(config, np.float32), methods.LoRA(1), reading(), **given)


def parameters():
    return small_gpt().trainable_parameters()


def adapted():
    return methods.LoRA(2, 3.0).apply(small_gpt(), np.random.default_rng(0))


def ranked():
    """(an optimizer, the model whose ranks it is to allocate)"""
    model = methods.AdaLoRA(2, 3.0).apply(small_gpt(), rng())
    return optim.SGD(model.trainable_parameters(), 0.1), model


def rng():
    return np.random.default_rng(0)


SHARE = "from 0 to below 1"
LORA = {"rank": ONE, "alpha": "finite", "dropout": SHARE}
WINDOWS = {"windows": ONE, "batch_size": ONE, "length": ONE}
BATCHES = {"batch_size": ONE, "length": ONE}
SIZES = dict.fromkeys("vocab_size n_positions n_embd n_layer n_head n_inner".split(), ONE)
DROPS = dict.fromkeys("embd_pdrop attn_pdrop resid_pdrop".split(), SHARE)
LLAMA = dict.fromkeys(
    "vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads "
    "num_key_value_heads head_dim max_position_embeddings sliding_window".split(),
    ONE,
)
SCALE, OF = {"factor": "above 0"}, {"original_max_position_embeddings": ONE}
YARN = dict.fromkeys(
    "beta_fast beta_slow attention_factor mscale mscale_all_dim".split(), "above 0"
)
STEP, SEED = {"step": "above 0"}, {"seed": "whole from 0"}
DRAWS = {"n": "whole from 0", "temperature": "from 0", "top_k": ONE,
         "top_p": "above 0, up to 1"}  # fmt: skip


def layer(**given):
    return methods.LoRALinear(base(), **{"rank": 2, "alpha": 3.0, "rng": rng()} | given)


def tiny_layer(**given):
    return methods.TinyLoRALinear(base(), **{"v": Parameter(np.zeros(3)), "rng": rng()} | given)


def attention_of(**given):
    return attention.Attention(base(), base(), **{"n_head": 2} | given)


METHOD = LORA | dict.fromkeys(
    "d_initial strength scale".split(), "finite"
)  # whichever method has them
METHOD |= dict.fromkeys("width length mlp_width numbers n_classes block_size mini".split(), ONE)
METHOD |= dict.fromkeys("target_rank blocks vectors top block factors group terms".split(), ONE)
METHOD |= {"seed": "whole from 0"}
ROWS = [  # (place, call, {setting: kind})
    *QUANT_ROWS,
    *((f"{kind.__module__.removeprefix('lora_np.')}.{kind.__name__}", kind,
       {field.name: METHOD[field.name] for field in fields(kind) if field.name in METHOD})
      for kind in map(type, methods.METHODS)),
    ("methods.low_rank.qlora.quantize_base",
     partial(methods.quantize_base, small_gpt(dtype=np.float32)), {"block_size": ONE}),
    ("methods.low_rank.lora_linear.LoRALinear", layer, LORA),
    ("methods.shared_random.tiny_lora.TinyLoRALinear", tiny_layer, {"rank": ONE}),
    ("methods.low_rank.lora_plus.lora_plus_groups",
     small(methods.lora_plus_groups, model=adapted(), lr=0.1),
     {"lr": "from 0", "ratio": "above 0"}),
    ("methods.low_rank.lora_init.loftq", partial(lora_init.loftq, base(), 2, 1.0, None),
     {"iterations": ONE, "block_size": ONE}),
    ("conformance.judge.check", partial(check, {"make": id}, []), {"examples": ONE}),
    ("methods.combine.combine", partial(combine.combine, small_gpt(), [adapted()]),
     {"weights": "each finite"}),
    ("methods.combine.reduce_rank", partial(combine.reduce_rank, adapted()), {"rank": ONE}),
    ("methods.low_rank.to_lora.to_lora", partial(methods.to_lora, adapted(), small_gpt()),
     {"rank": ONE}),
    ("train.rank_allocation.RankAllocation",
     small(partial(rank_allocation.RankAllocation, *ranked()), steps=3),
     dict.fromkeys(("steps", "warmup", "last"), "whole from 0") | {"every": ONE,
      "apart": "from 0"}),
    ("train.rank_allocation.allocating", partial(rank_allocation.allocating, *ranked()),
     {"steps": "whole from 0"}),
    ("train.lora_fa.LoRAFA", partial(lora_fa.LoRAFA, adapted()), {"lr": "from 0"}),
    ("methods.low_rank.lora_starts.lora_ga",
     partial(lora_starts.lora_ga, small_gpt(), None, None), {"gamma": "above 0"}),
    ("nn.gpt.GPTConfig", GPTConfig, SIZES | DROPS | {"layer_norm_epsilon": "above 0"}),
    ("nn.llama_config.LlamaConfig", LlamaConfig, LLAMA | {"rms_norm_eps": "above 0",
     "rope_theta": "above 0", "attention_dropout": SHARE}),
    ("nn.rotary.LinearScaling", rotary.LinearScaling, SCALE),
    ("nn.rotary.DynamicScaling", rotary.DynamicScaling, SCALE),
    ("nn.rotary.Llama3Scaling", small(rotary.Llama3Scaling, factor=8.0, low_freq_factor=1.0,
     high_freq_factor=4.0), SCALE | OF | {"low_freq_factor": "above 0",
     "high_freq_factor": "above 0"}),
    ("nn.rotary.YarnScaling", small(rotary.YarnScaling, factor=4.0), SCALE | OF | YARN),
    ("nn.rotary.LongRopeScaling", small(rotary.LongRopeScaling, short_factor=(1.0,),
     long_factor=(2.0,)), SCALE | OF | {"attention_factor": "above 0"}),
    ("nn.attention.Attention", attention_of, {"n_head": ONE, "attn_pdrop": SHARE,
     "resid_pdrop": SHARE}),
    ("nn.mlp.MLP", partial(mlp.MLP, base(), base()), {"resid_pdrop": SHARE}),
    ("nn.norm.LayerNorm", partial(norm.LayerNorm, np.ones(2), np.ones(2)), {"eps": "above 0"}),
    ("nn.norm.RMSNorm", partial(norm.RMSNorm, np.ones(2)), {"eps": "above 0"}),
    ("objectives.distillation.Distillation", objectives.Distillation,
     {"temperature": "softness", "hard": "from 0 to 1"}),
    ("objectives.dpo.DPO", objectives.DPO, {"beta": "above 0"}),
    ("objectives.ppo.PPO", objectives.PPO, {"clip": "above 0"}),
    ("objectives.ppo.group_advantages", small(objectives.group_advantages, rewards=np.zeros(4),
     log_ratios=np.zeros(4), beta=0.1, group=2), {"beta": "from 0", "group": "whole from 2"}),
    ("train.optim.Optimizer", small(optim.Optimizer, parameters=parameters()), {"lr": "from 0"}),
    ("train.optim.SGD", small(optim.SGD, parameters=parameters()), {"lr": "from 0"}),
    ("train.optim.AdamW", small(optim.AdamW, parameters=parameters()), {"lr": "from 0",
     "eps": "above 0",
     "weight_decay": "from 0", "betas": "each from 0 to below 1"}),
    ("train.loop.Settings", one_step, {"steps": "whole from 0", "clip": "above 0",
     "every": ONE, "threads": ONE}),
    ("train.loop.warmup_cosine", small(loop.warmup_cosine, steps=9), {"steps": "whole from 0",
     "warmup": "whole from 0", "floor": "from 0 to 1"}),
    ("train.step.forward_backward", partial(step.forward_backward, None, None, None),
     {"threads": ONE, "parts": ONE}),
    ("recipes.finetune.finetune", fine_tuned, {"steps": "whole from 0", **WINDOWS, **SEED,
     "lr": "from 0", "every": ONE}),
    ("recipes.pretrain.pretrain", small(pretrain.pretrain, reading=reading(), steps=1, length=4,
     batch_size=1, progress=False), {"steps": "whole from 0", **BATCHES, "lr": "from 0", **SEED}),
    ("recipes.step_memory.layer_rows", small(step_memory.layer_rows, n_in=8, n_out=8, rank=2,
     rng=rng()),
     dict.fromkeys(("n_in", "n_out", "rank", "tokens"), ONE)),
    ("recipes.sweep.sweep", partial(sweep.sweep, [], None, "gone"), {"processes": ONE}),
    ("tasks.batch.Batch", lambda **given: logits_and_batch(**given),
     {"total": "from 0", "group": ONE}),
    ("tasks.batch.Batch.split", logits_and_batch()[1].split, {"n": ONE}),
    ("tasks.held_out.by_hash", small(held_out.by_hash, names="ab"), {"share": "inside 0 to 1"}),
    ("tasks.held_out.divide", small(held_out.divide, documents=[[["a"]], [["b"]]]),
     {"share": "inside 0 to 1"}),
    ("tasks.text.split", small(text.split, name="t", documents={"a": "b", "c": "d"}),
     {"share": "inside 0 to 1"}),
    ("tasks.text.Text.batches", partial(drawn, "text", "batches", rng=rng()), BATCHES),
    ("tasks.text.Text.held_out_batches", partial(drawn, "text", "held_out_batches"), WINDOWS),
    ("tasks.samples.Samples.batches", partial(drawn, "samples", "batches", rng=rng()), BATCHES),
    ("tasks.samples.Samples.held_out_batches", partial(drawn, "samples", "held_out_batches"),
     WINDOWS),
    ("tasks.policy.sample_policy", sampled, {"n": ONE, "group": "whole from 2",
     "beta": "from 0"}),
    ("tasks.preferences.noisy_preferences", small(preferences.noisy_preferences, rewards=[1, 2],
     rng=rng()),
     {"noise": "from 0"}),
    ("tasks.retrieval.Store", small(retrieval.Store, documents=["a".split()]),
     {"k1": "from 0", "b": "from 0 to 1"}),
    ("tasks.retrieval.Store.search", partial(retrieval.Store([["a"]]).search, ["a"]), {"n": ONE}),
    ("tasks.worlds.raft.Raft", small(raft.Raft, world=raft.World((1,)), P=0.5), {"P": "from 0 to 1",
     "n_documents": ONE, "n_positions": ONE}),
    ("tasks.worlds.markov.MarkovSource", small(markov.MarkovSource, rng=rng(), symbols=3, order=1),
     {"symbols": ONE, "order": ONE, "concentration": "above 0"}),
    ("generation.sampling.generate", small(sampling.generate, model=small_gpt(), prompt=[1], n=1,
     rng=rng()), DRAWS),
    ("generation.sampling.stream", small(sampling.stream, model=small_gpt(), prompt=[1], n=1,
     rng=rng()), DRAWS),
    ("gradcheck.check_gradients", partial(check_gradients, Linear(np.eye(2)), np.ones((1, 2))),
     STEP | SEED),
    ("gradcheck.check_directional", partial(check_directional, Linear(np.eye(2)), np.ones((1, 2))),
     STEP | SEED),
    ("gradcheck.check_objective", partial(check_objective, objectives.cross_entropy,
     *logits_and_batch()),
     STEP),
    ("gradcheck.numerical_gradient", partial(numerical_gradient, lambda: 0.0, np.ones(2)), STEP),
    ("worked_example.numbers.run", numbers.run, {"alpha": "finite", "rank": ONE,
     "lr": "from 0", "steps": ONE}),
    ("worked_example.numbers.lora_layer", numbers.lora_layer, {"rank": ONE, "alpha": "finite"}),
]  # fmt: skip
