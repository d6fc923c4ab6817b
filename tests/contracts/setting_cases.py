"""Every numeric setting of the library: what it may be, and a call that takes it.

`found()` finds the settings in the signatures, so one that is new and has no row here fails the
suite (test_settings.py). The rows are in setting_rows.py.
"""

import importlib
import inspect
import pkgutil

import lora_np

NAN, INF = float("nan"), float("inf")
NO_NUMBER = [NAN, INF, True, "1"]
KINDS = {  # what each refuses
    "whole from 0": [-1, 1.5, *NO_NUMBER],
    "whole from 1": [0, -1, 1.5, *NO_NUMBER],
    "whole from 2": [0, 1, -1, 2.5, *NO_NUMBER],
    "finite": [-INF, 1e39, *NO_NUMBER],
    "from 0": [-1, -1e-9, 1e39, *NO_NUMBER],
    "above 0": [0, 0.0, -1, 1e39, 1e-46, *NO_NUMBER],
    "softness": [0, -1, 1e-38, 1e30, *NO_NUMBER],  # a temperature that divides in float32
    "from 0 to 1": [-0.1, 1.1, *NO_NUMBER],
    "from 0 to below 1": [-0.1, 1.0, *NO_NUMBER],
    "above 0, up to 1": [0, -0.1, 1.1, *NO_NUMBER],
    "inside 0 to 1": [0, 1.0, -0.1, *NO_NUMBER],
    "each from 0 to below 1": [(0.9, 1.0), (-0.1, 0.9), (NAN, 0.9), (True, 0.9)],
    "each finite": [[NAN], [INF], [True]],
}
# Commands are in test_settings.py; the one file has no checks, for what it is there to show.
OUTSIDE = ("cli", "course", "analysis", "checkpoint", "__main__", "nano")
# No settings: what the library makes and passes on, and records of what was.
INTERNAL = """
    methods.inputs.prefix.PrefixTuned.forward_body.position nn.gpt.GPT.add_positions.position
    conformance.judge.judge.examples conformance.ours.Ours.make.dropout
    methods.inputs.prompt.PromptTuned.forward_body.position nn.llama.Llama.add_positions.position
    nn.language_model.BodyAndHead.forward.position nn.language_model.LanguageModel.embed.position
    nn.language_model.LanguageModel.forward_body.position nn.attention.attend_forward.pdrop
    nn.long_attention.attend_in_blocks_forward.pdrop nn.long_attention.InBlocks.window
    recipes.pretrain.RandomOffsets.forward_body.position memory.formulas.Shape.others
    memory.formulas.llama_shape.tables system.hints.did_you_mean.near memory.formulas.state.added
    memory.formulas.activations.rank memory.formulas.peak.dense
    train.history.History.seconds train.history.History.cpu_seconds
    train.memory_guard.step_bytes.shards train.memory_guard.check_memory.shards
    system.checks.check_whole.least system.serve.server.port
    system.hints.counted.most worked_example.figures.rank_wall_figure.steps
    worked_example.numbers.rank_wall.steps worked_example.numbers.rank_wall.lr
    tasks.worlds.manual.Gap.paragraph tasks.worlds.manual.Manual.question.n
    tasks.worlds.raft.lookups.n_documents tasks.worlds.raft.lookups.n_questions
    tasks.worlds.skills.mixed_batch.blank tasks.batch.completion.prompt_length
    tasks.teacher.without_context.prompt_length tasks.preferences.dpo_pairs.prompt_length
    tasks.patterns.Pattern.batch.n_positions tasks.dialogue.answers.batch_size
    tokenizers.special_tokens.SpecialTokens.bos_token_id tokenizers.budget.Budget.spend.steps
    tokenizers.special_tokens.SpecialTokens.pad_token_id generation.chat.reply.temperature
    tasks.policy.sample_policy.stop generation.chat.reply.n tasks.policy.PolicySamples.total
    tasks.policy.PolicySamples.group tasks.preferences.Pairs.total tasks.preferences.Pairs.group
    tasks.teacher.TaughtBatch.total quant.calibrate.Inputs.count
    tasks.teacher.TaughtBatch.group""".split()  # a Batch's checks hold for each kind of it
INTERNAL_MODULES = ("worked_example.text", "system.files")
# Numbers that have neither a type nor a default of their own.
MORE = {
    "generation.sampling.stream": "n top_k top_p", "generation.sampling.generate": "n top_k top_p",
    "methods.combine.combine": "weights",
    "methods.combine.reduce_rank": "rank", "nn.attention.Attention": "n_head",
    "recipes.finetune.finetune": "lr every", "recipes.step_memory.layer_rows": "n_in n_out rank",
    "recipes.sweep.sweep": "processes", "tasks.held_out.check_windows": "",
    "train.optim.AdamW": "betas", "train.step.forward_backward": "threads parts",
    "tasks.worlds.markov.MarkovSource": "symbols order",
}  # fmt: skip


def found():
    """{place: [its numeric settings]} of every public function, class and method."""
    places = {}
    for info in pkgutil.walk_packages(lora_np.__path__, "lora_np."):
        name = info.name.removeprefix("lora_np.")
        if name.split(".")[0] in OUTSIDE or name in INTERNAL_MODULES or name.endswith("__main__"):
            continue
        for key, thing in vars(importlib.import_module(info.name)).items():
            if getattr(thing, "__module__", None) == info.name and not key.startswith("_"):
                things = {key: thing} | (methods_of(key, thing) if inspect.isclass(thing) else {})
                things = {f"{name}.{path}": thing for path, thing in things.items()}
                places |= {place: numeric(place, thing) for place, thing in things.items()}
    return {place: names for place, names in places.items() if names}


def methods_of(key, kind):
    own = ((name, f) for name, f in vars(kind).items() if inspect.isfunction(f))
    return {f"{key}.{name}": f for name, f in own if not name.startswith("_")}


def numeric(place, thing):
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return []
    kinds = (int, float, int | None, float | None)
    typed = [
        p.name
        for p in parameters
        if any(p.annotation == kind for kind in kinds)
        or (isinstance(p.default, int | float) and not isinstance(p.default, bool))
    ]
    names = [*typed, *MORE.get(place, "").split()]
    return [name for name in names if f"{place}.{name}" not in INTERNAL]
