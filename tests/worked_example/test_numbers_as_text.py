"""Numbers as text: read back they are the same, to the digits that are shown."""

from hypothesis import given
from hypothesis import strategies as st

from lora_np.worked_example.text import bar, beside, fixed, matrix, number, signed_sum, vector

VALUES = st.floats(-1e12, 1e12) | st.floats(-2, 2)
MATRICES = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width), min_size=1, max_size=4)
)


def last_place(text):
    """What one more in the last digit shown would add: 0.01 for 1.25, 1e+04 for 1.25e+06."""
    mantissa, _, exponent = text.partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


@given(VALUES, st.integers(2, 6), st.integers(7, 12))
def test_a_number_is_near_what_is_read_back_and_fits(value, digits, widest):
    text = number(value, digits, widest)
    assert len(text) <= widest and text != "-0"
    assert abs(float(text) - value) <= 0.51 * max(10.0**-digits, last_place(text))
    if "e" not in text and "." in text:
        assert not text.endswith("0") and last_place(text) >= 0.9 * 10.0 ** -max(4, digits)


@given(st.lists(VALUES, min_size=2, max_size=4))
def test_a_sum_is_written_with_the_terms_signs(terms):
    text = signed_sum(terms)
    parts = text.replace(" + ", " ").replace(" - ", " -").split()
    expected = [float(number(abs(term))) * (-1 if term < 0 else 1) for term in terms[1:]]
    assert [float(part) for part in parts] == [float(number(terms[0])), *expected]
    assert vector(terms) == f"[{' '.join(map(number, terms))}]"


@given(MATRICES)
def test_a_matrix_has_a_line_a_row_and_its_columns_stand_below_one_another(rows):
    lines = matrix(rows)
    assert [[float(v) for v in line.split()] for line in lines] == [
        [float(number(v)) for v in row] for row in rows
    ]
    assert len({len(line) for line in lines}) == 1


@given(*[st.lists(st.text("ab c", max_size=5), min_size=1, max_size=4)] * 2)
def test_blocks_beside_each_other_keep_their_lines(left, right):
    width, lines = max(map(len, left)) + 2, beside(left, right, 2)
    assert len(lines) == max(len(left), len(right))
    for i, line in enumerate(lines):
        a, b = (block[i] if i < len(block) else "" for block in (left, right))
        assert line[:width].rstrip() == a.rstrip() and line[width:] == b.rstrip()


@given(st.floats(0, 1), st.floats(1e-6, 1e6))
def test_a_bar_is_as_long_as_its_share(share, largest):
    assert abs(len(bar(share * largest, largest)) - 20 * share) <= 0.51
    assert bar(0.0, 0.0) == ""


@given(st.floats(-999, 999))
def test_fixed_numbers_have_as_many_decimals(value):
    text = fixed(value, 4)
    assert last_place(text) == 1e-4 and abs(float(text) - value) <= 0.51e-4
