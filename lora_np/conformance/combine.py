"""Several adapters at once: ΔW = Σ wᵢ·ΔWᵢ."""

from .drawn import alike, unlike
from .law import law

TWO = "make forward set_factors combine"


def adapters(s, W, A, B, alpha, A2, B2, alpha2):
    return [s.moved(W, A, B, alpha), s.moved(W, A2, B2, alpha2)]


@law(TWO, "its scale is lost or used twice on the way (rsLoRA's is not alpha / r)", 12, draws=alike)
def one_adapter_at_weight_one_is_itself(s, x, W, A, B, alpha):
    """The simplest combination, 1·ΔW, is the adapter."""
    layer = s.moved(W, A, B, alpha)
    y, base, r = s.forward(layer, x), s.base(layer, W), A.shape[1]
    scale, branch = s.scale(alpha, r), s.branch(layer, x, W)
    got = s.forward(s.combine([layer], [1.0]), x)
    s.same("y of the combination", got, y, {
        "the scale is lost": x @ base + branch / scale,
        "the scale is used twice": x @ base + branch * scale,
        "the scale became alpha / r": x @ base + branch * alpha / r / scale,
        "too large by the root of r": x @ base + branch * r**0.5,
        "too small by the root of r": x @ base + branch / r**0.5,
        "the adapter is lost": x @ base,
    })  # fmt: skip


@law(
    TWO, "factors were added in place of products: (A₁+A₂)(B₁+B₂) has cross terms", 12, draws=alike
)
def a_combination_adds_the_products(s, x, W, A, B, alpha, A2, B2, alpha2):
    """ΔW = 0.7·ΔW₁ + 0.3·ΔW₂, which the sum of the factors is not."""
    both = adapters(s, W, A, B, alpha, A2, B2, alpha2)
    one, two = (s.branch(layer, x, W) for layer in both)
    got = s.branch(s.combine(both, [0.7, 0.3]), x, W)
    base = s.scale(alpha, A.shape[1]), s.scale(alpha2, A2.shape[1])
    summed = x @ (0.7 * A + 0.3 * A2) @ (B + B2)
    s.same("the combined branch", got, 0.7 * one + 0.3 * two, {
        "the weights were not used": one + two,
        "only the first adapter's weight was used": 0.7 * (one + two),
        "the first adapter's scale was used for both": 0.7 * one + 0.3 * two * base[0] / base[1],
        "a weight came in with both factors": 0.49 * one + 0.09 * two,
        "the weight is on A, and the factors were added": base[0] * summed,
    })  # fmt: skip


@law(TWO, "not linear in the weights: normalised, or a root taken of each", 12, draws=alike)
def a_combination_is_linear_in_its_weights(s, x, W, A, B, alpha, A2, B2, alpha2):
    """Twice the weights, twice the branch: nothing normalises them in silence."""

    def branch(*weights):
        both = adapters(s, W, A, B, alpha, A2, B2, alpha2)
        return s.branch(s.combine(both, list(weights)), x, W)

    once = branch(0.5, 1.5)
    s.same("the branch at twice the weights", branch(1.0, 3.0), 2 * once, {
        "the weights are normalised to sum to 1": once,
        "the weights come in squared": 4 * once,
    })  # fmt: skip


@law(TWO, "the sign of a weight is lost", 12, draws=alike)
def a_negative_weight_takes_away(s, x, W, A, B, alpha):
    """Task arithmetic subtracts an adapter: 1·ΔW − 1·ΔW = 0, and −1·ΔW is its opposite."""
    layer = s.moved(W, A, B, alpha)
    branch = s.branch(layer, x, W)
    got = s.branch(s.combine([layer], [-1.0]), x, W)
    s.same("the branch at weight -1", got, -branch, {"the sign is lost": branch})


@law(TWO, "one rank or scale was taken for all", 12, draws=unlike)
def ranks_and_scales_may_differ(s, x, W, A, B, alpha, A2, B2, alpha2):
    """Each adapter brings its own r and α, and so its own s, into the sum."""
    both = adapters(s, W, A, B, alpha, A2, B2, alpha2)
    one, two = (s.branch(layer, x, W) for layer in both)
    scales = s.scale(alpha, A.shape[1]), s.scale(alpha2, A2.shape[1])
    got = s.branch(s.combine(both, [1.0, 1.0]), x, W)
    s.same("the combined branch", got, one + two, {
        "the first adapter's scale was used for both": one + two * scales[0] / scales[1],
        "the second adapter's scale was used for both": one * scales[1] / scales[0] + two,
        "the last adapter is lost": one,
    })  # fmt: skip
