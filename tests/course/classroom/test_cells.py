"""A cell is parsed: what only a notebook understands is left out or told, the rest is untouched."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.course.classroom.cells import checked, plain_python
from lora_np.course.classroom.worker import executed

PYTHON = [  # lines that begin as a magic would, inside of a statement
    "x = (7\n% 4)\n",
    "x = [\n    9\n    % 5,\n]\n",
    "x = 7 \\\n  % 4\n",
    "def f(a):\n    return (a\n%\n3)\n",
    's = """\n%matplotlib inline\n!ls\n?\n"""\n',
    "x = (1  # a bracket (\n%2)\n",
    "t = f('''\n  !ls''', '%d'\n% 3)\n",
]
LEFT_OUT = {
    "%matplotlib inline\nx = 1\n": "pass\nx = 1\n",
    "if a:\n    !ls it's here\n    x = 2\n": "if a:\n    pass\n    x = 2\n",
    "?print\n%%time\n": "pass\npass\n",
    "%time x = 3\n": "x = 3\n",
    "%%timeit\nx = 3\n": "pass\nx = 3\n",
    "# note (\n%cd ..": "# note (\npass\n",
    "x = (1\n% 2)\n%env A\n": "x = (1\n% 2)\npass\n",
}
TOLD = {
    "x = !ls\n": "x = !ls",
    "def f():\n    y = %env HOME\n": "y = %env HOME",
    "np.abs?\n": "np.abs?",
    "lora_forward??\n": "lora_forward??",
    "%%bash\nls\n": "%%bash is not Python",
    "x = (1 +\n?\n)": "understands this: ?",
}


@pytest.mark.parametrize("source", PYTHON)
def test_python_is_untouched(source):
    ast.parse(source)
    assert plain_python(source) == source


@pytest.mark.parametrize("source", LEFT_OUT)
def test_what_concerns_the_front_end_is_left_out(source):
    assert plain_python(source) == LEFT_OUT[source]


@pytest.mark.parametrize("source", TOLD)
def test_what_is_no_python_is_told(source):
    with pytest.raises(SyntaxError) as error:
        plain_python(source)
    assert TOLD[source] in str(error.value) and "grader" in str(error.value)
    assert TOLD[source] in executed("1.2", [source])[1]


@pytest.mark.parametrize(
    "source", ["if !x:\n    pass\n", "y = a ? 1 : 2\n", "z = 3 %% 4\n", "x = ("]
)
def test_another_languages_python_is_a_syntax_error_like_any(source):
    assert plain_python(source) == source
    names, problem = executed("1.2", [source])
    assert "SyntaxError" in problem and "notebook" not in problem


def test_get_ipython_says_that_there_is_none():
    _, problem = executed("1.2", ["get_ipython().run_line_magic('ls', '')"])
    assert "the grader runs plain Python" in problem


expressions = st.recursive(
    st.sampled_from(["a", "7", "'%s'", '"!ls"', "(b)"]),
    lambda inner: st.tuples(inner, st.sampled_from([" %", "\n%", "\n  % ", " +\n"]), inner).map(
        lambda parts: f"({''.join(parts)})"
    ),
    max_leaves=6,
)


@given(st.lists(expressions, min_size=1, max_size=4), st.sampled_from(["", "%matplotlib inline\n"]))
def test_whatever_python_parses_is_left_as_it_is(parts, magic):
    """However an expression is broken into lines; and a magic before it changes nothing."""
    source = "".join(f"x{i} = {part}\n" for i, part in enumerate(parts))
    ast.parse(source)
    assert plain_python(source) == source
    assert plain_python(magic + source) == magic.replace("%matplotlib inline", "pass") + source


def test_a_cell_is_a_check_if_it_does_nothing_else():
    assert checked('# see\ncheck("1.2", f)\n') == ["1.2"]
    assert checked("%time\ncheck('1.2',\n      f)") == []
    assert checked('def f(x):\n    return x\n\n\ncheck("1.2", f)') == []
    assert checked('s = """\ncheck("1.2", f)\n"""') == []
    assert checked("") == checked("x = (") == []
