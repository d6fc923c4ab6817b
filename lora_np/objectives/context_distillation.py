"""Context distillation: the model that sees an instruction teaches itself to do without."""

from .distillation import Distillation

# L = Σ w·KL(p(· | context, x, y₋) ‖ p(· | x, y₋)) / Σ w,   dlogits = w·(p − p_with_context) / Σ w
#
# (Askell et al. 2021, arXiv 2112.00861, §2; Snell et al. 2022, arXiv 2209.15189.) As a formula
# it is distillation at temperature 1 with no labels: both distributions are the same model's, so
# there is nothing to soften. What is new is the reading matter: `tasks.without_context` asks the
# model behind the context and lines its logits up with the positions of the text alone.
context_distillation = Distillation(temperature=1.0)
