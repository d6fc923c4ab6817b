"""The laws of LoRA, for anybody's: hold a layer against them as you would an estimator.

A *subject* is a module, class, object or dict with some of these functions on NumPy arrays, in
this package's orientation: y = xW + b, W (in, out), A (in, r), B (r, out). What is missing skips
its laws, by name.

make(W, rank, alpha)            a new layer; with bias=, dropout= in its signature, their laws too
forward(layer, x)               y, outside of training                 x (..., in), y (..., out)
factors(layer)                  {"A": …, "B": …}, DoRA's "m", whatever learns
set_factors(layer, A=…, B=…)    write them
gradients(layer, x, dy)         {"A": …, "B": …, "x": …} of L = Σ dy∘y
train(layer, x, dy, lr)         one step of gradient descent on what learns
train_forward(layer, x, seed)   y in training, with dropout
weight(layer)                   the frozen weight, dequantized where it is in few bits
merge(layer), unmerge(layer)    the dense weight (in, out), with the branch in it and without
combine(layers, weights)        a layer with several adapters of one W
save(layer), load(layer, state) {key: array}, and the layer with it
make_qkv(W, rank, alpha, sizes, enabled)    a fused layer: qkv.py
quantize(w, block), dequantize(q), nbytes(q)                 four_bits.py
cross_entropy, accumulate, dpo, ppo, distillation            objectives.py

A function that raises NotImplementedError leaves that input out; where it does so for every input,
the law does not apply.

Besides: `name`; `method`, "lora" unless it is "rslora", "dora" or another; `quantized`, True for a
base in few bits; `tolerance`; and `differs`, {law: where another choice is documented}.

    print(check(subject))                       every law that applies
    @parametrize_with_laws(subject)             for pytest
    def test_my_layer(law):
        law()

law.py       what a law is            drawn.py   what it is tried on
subject.py   what laws ask of one     judge.py   trying, shrinking     report.py   what came of it
The other files are the laws, by what they are about.
"""

from .judge import LAWS, check, find, parametrize_with_laws
from .law import Broken, Law, NotApplicable
from .report import Outcome, Report
from .subject import Subject

__all__ = [
    "LAWS", "Broken", "Law", "NotApplicable", "Outcome", "Report", "Subject", "check", "find",
    "parametrize_with_laws",
]  # fmt: skip
