"""A trained head, which PEFT saves whole; one for classes is `score`, as transformers calls it."""

from ...methods import HeadTuning
from .names import kept_tied


def config(method):
    if method.n_classes is None:
        return {"modules_to_save": ["lm_head"]}
    return {"modules_to_save": ["score"], "task_type": "SEQ_CLS"}


def method_from(config, shapes, model):
    saved = config.get("modules_to_save") or []
    if any("lm_head".endswith(name) for name in saved) and not kept_tied(config, model):
        return HeadTuning()
    if "score" not in saved:
        return None
    d, shape = model.config.n_embd, shapes.get("score.weight")
    if shape is None or shape[1:] != (d,):
        raise ValueError(f"expected score.weight of shape (classes, {d}), got {shape}")
    return HeadTuning(n_classes=shape[0])


def arrays(model):
    [method] = (m for m in model.methods if isinstance(m, HeadTuning))
    weight = dict(model.named_parameters())["lm_head.weight"]  # behind a prompt too
    return {"lm_head.weight" if method.n_classes is None else "score.weight": weight.data}
