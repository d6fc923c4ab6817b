"""Chat templates: rendered as transformers does, and bounded whatever a file asks for."""

import json
import sys
import time
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from helpers.tokenizer_files import TEMPLATE, write_tokenizer
from lora_np.checkpoint import load_tokenizer
from lora_np.tasks.dialogue import dialogue_tokens
from lora_np.tokenizers.chat_template import chat_tokens, turn_end
from lora_np.tokenizers.jinja import _compiled, render
from lora_np.tokenizers.special_tokens import SpecialTokens

pytestmark = pytest.mark.extra("jinja2")
needs_tokenizers = pytest.mark.extra("tokenizers")
TALK = [{"role": "user", "content": "a <b> 'c' \u00e9"}, {"role": "assistant", "content": " d "}]

LONG = "{% set x = 'a' * 4000000 %}"
AS_TRANSFORMERS = {  # template: what it makes of TALK there, by its documentation
    "{% for m in messages %}\n  {% if loop.first %}\n{{ m.role }}\n  {% endif %}\n{% endfor %}\n": (
        "user\n"
    ),
    "{{ messages[0] | tojson }}": '{"role": "user", "content": "a <b> \'c\' \u00e9"}',
    "{{ {'b': 1, 'a': [1]} | tojson(indent=2) }}": '{\n  "b": 1,\n  "a": [\n    1\n  ]\n}',
    "{{ {'a': [1, 2]} | tojson(separators=(',', ':')) }}": '{"a":[1,2]}',
    "{{ messages[0].content }}": "a <b> 'c' \u00e9",
    "{{ bos_token }}{{ missing }}{{ tools is none }}": "<s>True",
    "{% for m in messages %}{% if loop.index0 == 1 %}{% break %}{% endif %}x{% endfor %}": "x",
    "{% for m in messages %}{% if loop.last %}{% continue %}{% endif %}x{% endfor %}": "x",
    "{% generation %}{{ messages[1]['content'] | trim }}{% endgeneration %}": "d",
    "{{ strftime_now('%Y') | int > 2000 }}": "True",
    "{{ strftime_now('a' * 100) | length }}": "100",
    "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}"
    "{{ ns.n }}{{ messages | length }}{{ loop is defined }}": "22False",
    "{% for m in messages[::-1] %}{{ loop.length ~ loop.revindex }}{% endfor %}": "2221",
    "{{ messages | map(attribute='role') | join('-') }}": "user-assistant",
    "{% for x in messages | map(attribute='role') %}{{ loop.length ~ x }}{% endfor %}": (
        "2user2assistant"
    ),
    "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}": "1",
    "{{ messages[0].content.split(' ')[-1].replace('\u00e9', 'e') }}": "e",
    "{% macro f(x) %}[{{ x }}]{% endmacro %}{{ f(1) }}": "[1]",
    "{{ 'a' * 3 + 'b' }}{{ 2 * 3 % 4 }}{{ range(3) | list }}": "aaab2[0, 1, 2]",
    "{% for k, v in messages[0].items() %}{{ k }} {% endfor %}": "role content ",
    "{% for x in [[1, [2]], [3]] recursive %}{% if x is iterable %}{{ loop(x) }}{% else %}{{ x }}"
    "{% endif %}{% endfor %}": "123",
}


@pytest.fixture(autouse=True)
def compiled_anew():
    """Not in a test before, or in the process that this one was forked from."""
    _compiled.cache_clear()


@pytest.mark.parametrize("template", AS_TRANSFORMERS)
def test_renders_as_transformers(template):
    made = render(template, messages=TALK, bos_token="<s>", tools=None)
    assert made == AS_TRANSFORMERS[template]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ raise_exception('only two roles') }}", "chat_template: only two roles"),
        ("{% for %}", "chat_template: "),
        ("{{ messages[7].content.x.y }}", "chat_template: .*has no"),
        ("{{ 1 / 0 }}", "chat_template: division by zero"),
        ("{{ ''.__class__.__mro__ }}", "chat_template: .*unsafe"),
        ("{{ messages.append(1) }}", "chat_template: .*'append' of 'list' object is unsafe"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "chat_template: .*recursion"),
        ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "chat_template: "),
        ("{% include 'x' %}", "chat_template: "),
        ("{{ no_such_function() }}", "chat_template: 'no_such_function' is undefined"),
        # what would never end, or fill the memory
        ("{% for i in range(99999999) %}{% endfor %}", "more than 2,097,152 steps"),
        (
            "{% set r = range(9999) | list %}{% for i in r %}{% for j in r %}{% endfor %}"
            "{% endfor %}",
            "more than 2,097,152 steps",
        ),
        ("{% for i in range(9999) %}{{ 'x' * 9999 }}{% endfor %}", "more than 4,194,304"),
        ("{{ 'x' * 10**7 }}", r"\*\* is not for templates"),
        ("{{ 'x' * 9999999 }}", "it multiplies to more"),
        ("{{ [1] * 9999999 }}", "it multiplies to more"),
        ("{{ 'x' | center(9999999) }}", "chat_template: No filter named 'center'"),
        ("{{ 'x\\n' | indent(9999999) }}", "a width of more than 1000"),
        ("{{ [1] | tojson(indent=9999999) }}", "a width of more than 1000"),
        ("{{ 'x'.rjust(999) }}", "chat_template: .*'rjust' of 'str' object is unsafe"),
        ("{{ '{:>9999999}'.format(1) }}", "chat_template: .*'format' of 'str' object is unsafe"),
        ("{{ '{:>9999999}'.format_map({}) }}", "chat_template: .*'format_map' of 'str'"),
        ("{{ ('{:>9999999}' | attr('format'))(1) }}", "chat_template: .*unsafe"),
        ("{{ '%9999999d' % 1 }}", "% is not for templates"),
        ("{{ '%9999999d' | format(1) }}", "chat_template: No filter named 'format'"),
        ("{% set a = 'x' * 99999 %}{{ a.replace('x', a) }}", "more than 4,194,304"),
        (
            "{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s ~ n.s %}"
            "{% endfor %}",
            "more than 4,194,304",
        ),
        (
            "{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}"
            "{% endfor %}",
            "more than 4,194,304",
        ),
        (
            "{% set n = namespace(s=9) %}{% for i in range(9) %}{% set n.s = n.s * n.s %}"
            "{% endfor %}",
            "it multiplies to more",
        ),
        ("{% set budget_ = 1 %}{% for i in range(9999999) %}{% endfor %}", "steps"),
        # what is heavy through what it holds, or through how often it is gone through
        (LONG + "{% set y = " + "x ~ " * 500 + "x %}", "characters on the way"),
        (LONG + "{{ [x, x] }}", "characters on the way"),
        (LONG + "{% set y = {'a': x, 'b': x} %}", "characters on the way"),
        (LONG + "{% set y = (x, x) %}", "characters on the way"),
        (LONG + "{{ [x] * 1000 }}", "it multiplies to more"),
        (LONG + "{% set n = namespace(a=x, b=x) %}{{ n }}", "characters on the way"),
        (LONG + "{% set n = namespace(a=x) %}{% set n.b = x %}{{ n }}", "characters on the way"),
        (LONG + "{{ x.join(range(1000) | map('string')) }}", "it would make more"),
        (LONG + "{{ range(1000) | join(x) }}", "it would make more"),
        (
            LONG + "{% for i in range(999) %}{% if 'b' in x %}{% endif %}{% endfor %}",
            "goes through",
        ),
        (LONG + "{% for i in range(999) %}{% set y = x[1:] %}{% endfor %}", "goes through"),
        (LONG + "{% for i in range(999) %}{% set y = x | upper %}{% endfor %}", "goes through"),
        ("{{ range(99999) | map('batch', 1) | sum(start=[]) }}", "sum is for numbers"),
        ("{{ strftime_now('%9999999d' * 99) }}", "a width of more than 1000"),
        ("{{ strftime_now('a' * 101) }}", "a width of more than 1000"),
        ("{# " + "a" * 2**20 + " #}", "at most 1,048,576 characters"),
    ],
)
def test_a_template_that_fails_or_asks_for_too_much(template, message):
    start = time.process_time()
    with pytest.raises(ValueError, match=message):
        render(template, messages=TALK)
    assert time.process_time() - start < 60


@given(st.text("{}%#-+()[]'\"|.~*:= \nformesagin01", max_size=60))
def test_whatever_a_file_holds_is_text_or_an_error_in_words(template):
    try:
        assert isinstance(render(template, messages=TALK), str)
    except ValueError as error:
        assert str(error).startswith("chat_template: ")


def test_without_the_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ImportError, match="install it with: pip install jinja2"):
        render("x")


@pytest.fixture
def tokenizer(tmp_path):
    said = {"bos_token": "<s>", "eos_token": "</s>", "chat_template": TEMPLATE}
    return load_tokenizer(write_tokenizer(tmp_path, "<s> $A", tokenizer_config=said))


SAID = st.text("ab<|end>/s\ue000", max_size=12) | st.sampled_from(["<|end|>", "</s>", "<<s>s>"])


@needs_tokenizers
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(SAID, min_size=1, max_size=3))
def test_nobody_ends_a_turn_by_typing_its_mark(said, tokenizer):
    """One begin mark, and one end a turn, in the role too; each said text in its own tokens."""
    tokens = chat_tokens(tokenizer, [(text, text) for text in said])
    assert tokens[0] == 1 and tokens.count(1) == 1 and tokens.count(2) == 0
    assert tokens.count(7) == len(said)
    expected = [[*tokenizer.encode(f"{text}:{text}", False), 7] for text in said]
    assert tokens == [1, *sum(expected, []), *tokenizer.encode("assistant:", False)]


@needs_tokenizers
def test_a_turn_ends_as_the_template_ends_it_and_not_as_a_text_does(tokenizer):
    assert turn_end(tokenizer) == 7 and tokenizer.special_tokens.eos_token_id == (2,)
    talk = [("a", "b"), ("assistant", "ab")]
    assert chat_tokens(tokenizer, [*talk, ("a", "a")])[0] == 1


TWO_ROLES = (
    "{% for m in messages %}{% if m.role not in ['user', 'assistant'] %}"
    "{{ raise_exception('two roles') }}{% endif %}{% endfor %}"
)


@needs_tokenizers
@pytest.mark.parametrize("before", [TWO_ROLES, "Do not say: An answer.</s>"])
def test_a_template_may_take_two_roles_and_say_anything_first(before, tmp_path):
    said = {"eos_token": "</s>", "chat_template": before + TEMPLATE}
    assert turn_end(load_tokenizer(write_tokenizer(tmp_path, tokenizer_config=said))) == 7


@needs_tokenizers
def test_named_templates_and_the_default_among_them(tmp_path):
    named = [{"name": "rag", "template": "b"}, {"name": "default", "template": "a"}]
    tokenizer = load_tokenizer(write_tokenizer(tmp_path, tokenizer_config={"chat_template": named}))
    assert chat_tokens(tokenizer, [("user", "x")]) == [4]
    two = [("rag", "b"), ("tool_use", "c")]
    without = SimpleNamespace(special_tokens=SpecialTokens(chat_templates=two))
    with pytest.raises(ValueError, match="no default among its templates rag, tool_use"):
        turn_end(without)
    tokenizer.save(tmp_path)
    assert json.loads((tmp_path / "tokenizer_config.json").read_text())["chat_template"] == named


USER = "{% if m.role == 'user' %}{{ '<pad>' + m.content + '<|end|>' }}{% else %}"


def written(answer):
    """A template in which the assistant's turn is the expression `answer`."""
    turn = f"{USER}{{{{ {answer} + eos_token }}}}{{% endif %}}"
    return f"{{% for m in messages %}}{turn}{{% endfor %}}"


@needs_tokenizers
@pytest.mark.parametrize(
    ("template", "answer", "expected"),
    [
        (TEMPLATE, " ab ", "Ġ ab Ġ <|end|>"),
        (TEMPLATE, "<|end|>a", "a <|end|>"),  # what spells a mark ends nothing
        (written("m.content | trim"), " ab ", "ab </s>"),
        (written("' ' + m.content + ' '"), "ab", "Ġ ab Ġ </s>"),
        (written("m.content") + "{{ '<pad>' }}", "ab", "ab </s>"),  # other than for a prompt
        (written("m.content") + "c", "", "</s>"),
        (written("m.content + eos_token + 'c'"), "ab", "ab </s>"),  # and no more
        (written("m.content + ('c' if add_generation_prompt else '')"), "ab", "ab </s>"),
    ],
)
def test_an_answer_is_learnt_as_the_template_writes_it(template, answer, expected, tmp_path):
    """Up to the mark that ends it, behind the very tokens that generation begins from."""
    said = {"bos_token": "<s>", "eos_token": "</s>", "chat_template": template}
    tokenizer = load_tokenizer(write_tokenizer(tmp_path, tokenizer_config=said))
    prompt, learnt = dialogue_tokens(tokenizer, [("user", "a")], answer)
    assert prompt == chat_tokens(tokenizer, [("user", "a")])
    assert " ".join(map(tokenizer.rules.id_to_token, learnt)) == expected
