"""What a template may go through: every value weighs what it holds, at any depth."""

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.tokenizers.budget import ITEM, Budget, TooMuch

simple = st.text(max_size=20) | st.none() | st.integers() | st.builds(range, st.integers(0, 9))
values = st.recursive(
    simple,
    lambda each: (
        st.lists(each) | st.tuples(each, each) | st.dictionaries(st.text(max_size=9), each)
    ),
    max_leaves=9,
)


def weight(value):
    """A character, and any other thing that holds none, is one; an item of a list ITEM beside."""
    if isinstance(value, str | range):
        return len(value)
    if isinstance(value, dict):
        return ITEM * len(value) + sum(weight(k) + weight(v) for k, v in value.items())
    if isinstance(value, list | tuple):
        return ITEM * len(value) + sum(map(weight, value))
    return 1


@given(value=values, view=st.sampled_from([None, dict.keys, dict.values, dict.items]))
def test_a_value_weighs_what_it_holds_and_no_more_than_the_most(value, view):
    """At exactly the most it passes, at any less it is too much."""
    expected = weight(value)
    if view and isinstance(value, dict):
        expected, value = weight([*view(value)]), view(value)
    for most in range(expected + 2):
        with patch("lora_np.tokenizers.budget.LARGEST", most):
            if most < expected:
                with pytest.raises(TooMuch, match="on the way"):
                    Budget().weigh(value)
            else:
                assert Budget().weigh(value) == expected


def test_what_is_weighed_one_after_another_adds_up():
    with patch("lora_np.tokenizers.budget.ALL", 10):
        budget = Budget()
        budget.weigh("abcde", "ab")
        budget.weigh("abc")
        with pytest.raises(TooMuch, match="it goes through more than 10 characters"):
            budget.weigh("a")
