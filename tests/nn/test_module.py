"""The protocol: names, views, frozen parameters, and what it says to a mistake."""

import numpy as np
import pytest

from helpers.models import small_gpt
from lora_np import Linear, LoRA, LoRALinear, Module, Parameter, PromptTuning


class TwoLayers(Module):
    def __init__(self, rng):
        self.first = Linear(rng.standard_normal((3, 4)), np.zeros(4))
        self.rest = [Linear(rng.standard_normal((4, 4))) for _ in range(2)]


@pytest.fixture
def model():
    return TwoLayers(np.random.default_rng(0))


def test_names_are_dotted_and_lists_are_numbered(model):
    names = [name for name, _ in model.named_parameters()]
    assert names == ["first.weight", "first.bias", "rest.0.weight", "rest.1.weight"]


def test_a_child_called_base_adds_nothing_to_the_name(model):
    model.first = LoRALinear(model.first, 2, 3.0, np.random.default_rng(0))
    names = [name for name, _ in model.named_parameters()]
    assert names[:4] == ["first.A", "first.B", "first.weight", "first.bias"]


def test_a_shared_parameter_is_listed_once(model):
    model.rest[1].weight = model.rest[0].weight
    assert [n for n, _ in model.named_parameters()].count("rest.0.weight") == 1
    assert len(model.parameters()) == 3
    twin = model.view()
    assert twin.rest[1].weight is twin.rest[0].weight, "a view keeps what is tied tied"


def test_a_view_shares_data_and_owns_grad(model):
    view = model.view()
    for (_, ours), (_, theirs) in zip(model.named_parameters(), view.named_parameters()):
        assert np.shares_memory(ours.data, theirs.data)
    view.first(np.ones((2, 3)))
    _, cache = view.first.forward(np.ones((2, 3)))
    view.first.backward(np.ones((2, 4)), cache)
    assert view.first.weight.grad is not None and model.first.weight.grad is None


def test_training_a_view_copies_first(model):
    before = model.first.weight.data.tobytes()
    view = model.view().freeze()
    view.first.weight.train()
    view.first.weight.data += 1
    assert model.first.weight.data.tobytes() == before
    assert model.first.weight.trainable, "freezing the view leaves the model as it was"


def test_astype_leaves_the_model_alone(model):
    half = model.astype(np.float32)
    assert {p.dtype for p in half.parameters()} == {np.dtype(np.float32)}
    assert {p.dtype for p in model.parameters()} == {np.dtype(np.float64)}


@pytest.mark.parametrize("bad", [[1, 2], np.ones(3, np.int64), np.ones(3, np.float16), "abc"])
def test_parameter_takes_real_numbers_only(bad):
    with pytest.raises(ValueError, match="expected a float32 or float64 array, got"):
        Parameter(bad)


def test_a_gradient_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"expected shape \(2, 3\), got \(3, 2\)"):
        Parameter(np.ones((2, 3))).accumulate(np.ones((3, 2)))


def test_a_wrong_attribute_lists_what_there_is(model):
    with pytest.raises(AttributeError, match="Linear has no attribute 'wieght'; it has: weight, b"):
        _ = model.first.wieght


def test_a_parameter_is_not_overwritten_by_an_array(model):
    with pytest.raises(ValueError, match=r"expected a Parameter of shape \(3, 4\), got ndarray"):
        model.first.weight = np.zeros((3, 4))


def test_a_parameter_has_no_other_attributes(model):
    with pytest.raises(AttributeError):
        model.first.weight.requires_grad = True


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Linear(np.ones(3)), r"expected a weight \(in, out\), got \(3,\)"),
        (lambda: Linear(np.ones((2, 3)), np.ones(2)), r"expected a bias \(3,\), got \(2,\)"),
        (lambda: Linear(np.ones((2, 3)))(np.ones((5, 3))), r"shape \(\.\.\., 2\), got .*\(5, 3\)"),
        (lambda: Linear(np.ones((2, 3)))([1.0, 2.0]), "got list"),
        (lambda: Linear(np.ones((2, 3)))(np.ones((5, 2), np.float32)), "float64, got float32"),
    ],
)
def test_linear_says_what_came_and_what_was_expected(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_frozen_linear_keeps_no_activation():
    """The one line that is LoRA's activation saving."""
    layer, x = Linear(np.ones((2, 3))), np.ones((4, 2))
    assert layer.forward(x)[1] is x
    assert layer.freeze().forward(x)[1] is None


def test_freezing_clears_gradients_and_gives_the_module_back(model):
    x = np.ones((2, 3))
    y, cache = model.first.forward(x)
    model.first.backward(y, cache)
    assert model.freeze() is model and not model.trains()
    assert all(p.grad is None and not p.trainable for p in model.parameters())
    with pytest.raises(AssertionError, match="a frozen parameter's gradient is never formed"):
        model.first.weight.accumulate(np.ones((3, 4)))


def test_training_what_trains_already_copies_nothing(model):
    array = model.first.weight.data
    model.first.weight.train()
    assert model.first.weight.data is array and model.first.weight.trainable


def test_a_parameter_says_what_it_is():
    assert repr(Parameter(np.ones((2, 3)))) == "Parameter((2, 3), float64, trainable)"
    frozen = Parameter(np.ones(2, np.float32), trainable=False)
    assert repr(frozen) == "Parameter((2,), float32, frozen)"
    assert (frozen.shape, frozen.size, frozen.nbytes) == ((2,), 2, 8)


def test_modules_come_outermost_first(model):
    assert list(model.modules()) == [model, model.first, *model.rest]
    model.rest[0].freeze()
    assert model.trains() and not model.rest[0].trains()


def test_what_copying_asks_for_is_just_not_there(model):
    """Only a name without leading underscores is taken for a mistake that needs explaining."""
    with pytest.raises(AttributeError, match="^__copy__$"):
        model.__copy__  # noqa: B018


def test_a_models_repr_says_its_kind_sizes_and_what_learns():
    model = LoRA(2, 3.0).apply(small_gpt(), np.random.default_rng(0))
    counts = [sum(p.size for p in ps) for ps in (model.parameters(), model.trainable_parameters())]
    assert repr(model) == (
        "GPT(LoRA, 2 layers of width 6, 2 heads, 7 tokens, context 8: "
        f"{counts[0]:,} numbers, {counts[1]:,} of them learn)"
    )
    prompted = PromptTuning(2).apply(small_gpt(), np.random.default_rng(0))
    assert repr(prompted).startswith("GPT(PromptTuning, 2 layers")
    assert repr(prompted).endswith(" 12 of them learn)")
    assert repr(Linear(np.ones((2, 3)))) == "Linear(6 numbers, 6 of them learn)"
    assert repr(Module()) == "Module(0 numbers, 0 of them learn)"
