"""Conversations as batches and answers; the orders and the manual's gaps that they are made of."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import talkers
from lora_np.generation import generate
from lora_np.tasks import completion
from lora_np.tasks.dialogue import answers, dialogues
from lora_np.tasks.worlds.manual import NONE, Manual, says
from lora_np.tasks.worlds.orders import FORMS, GOODS, NEW_FORMS, NEW_GOODS, held_out, orders, same
from lora_np.tasks.worlds.questions import NEW_THINGS, THINGS, questions
from lora_np.tokenizers.chat_template import chat_tokens

TOPICS = {
    f"topic{i}": f'The "name{i}()" function is the one that does thing number {i} here.\n\n'
    f"   Another paragraph {i} with words enough to be kept, about nothing at all, and no name."
    for i in range(20)
}


@pytest.mark.extra("jinja2")
def test_only_the_answer_and_its_end_count():
    tokenizer = talkers.ByteTokenizer()
    pairs = [([("user", "a")], "long answer"), ([("system", "s"), ("user", "bcd")], "x")]
    batch = dialogues(tokenizer, pairs)
    for (messages, answer), targets, weights in zip(pairs, batch.targets, batch.weights):
        counted = targets[weights > 0].tolist()
        assert counted == [*tokenizer.encode(answer), talkers.END]
        first = weights.argmax()
        read = chat_tokens(tokenizer, messages)
        assert batch.tokens[pairs.index((messages, answer))][: first + 1].tolist() == read
    assert batch.total == len("long answer") + 1 + 2
    with pytest.raises(ValueError, match="expected a conversation"):
        dialogues(tokenizer, [])


@given(st.integers(0, 2**32 - 1))
def test_each_row_may_have_a_prompt_of_its_own(seed):
    rng = np.random.default_rng(seed)
    tokens, lengths = rng.integers(9, size=(4, 8)), rng.integers(4, 9, 4)
    prompts = rng.integers(1, 4, 4)
    whole = completion(tokens, prompts, lengths)
    for i in range(4):
        one = completion(tokens[i : i + 1], int(prompts[i]), lengths[i : i + 1])
        np.testing.assert_array_equal(whole.weights[i], one.weights[0])
    assert whole.total == (lengths - prompts).sum()
    with pytest.raises(ValueError, match="a prompt of 1 to .*; got 8"):
        completion(tokens, [1, 8, 1, 1], lengths)


@pytest.mark.extra("jinja2")
@settings(max_examples=15)
@given(st.integers(0, 50), st.integers(1, 12), st.integers(1, 4))
def test_answers_together_are_the_answers_alone(seed, n, batch_size):
    """Whatever stands beside a conversation, and however long that is."""
    model, tokenizer = talkers.small_talker(seed)
    talks = [[("user", "q" * k)] for k in (5, 1, 9, 1)]
    alone = []
    for prompt in (np.array(chat_tokens(tokenizer, talk)) for talk in talks):
        text = generate(model, prompt, n, stop=talkers.END)[len(prompt) :].tolist()
        alone.append(tokenizer.decode(text))
    assert answers(model, tokenizer, talks, n, batch_size) == alone


def test_orders_are_right_and_held_out_words_are_new():
    rng = np.random.default_rng(0)
    for sentence, answer in orders(200, rng) + held_out(200, rng, NEW_FORMS):
        facts = json.loads(answer)
        assert list(facts) == ["who", "what", "count", "day"]
        for key in ("who", "what", "day"):
            assert facts[key].lower() in sentence.lower()
        assert same(f"Sure: {answer} and more", answer) and sentence[0] == sentence[0].upper()
    assert not same("no JSON", answer) and not same(answer.replace("day", "date"), answer)
    assert not set(GOODS) & set(NEW_GOODS) and not set(FORMS) & set(NEW_FORMS)


def test_questions_are_different_and_held_out_things_are_new():
    rng = np.random.default_rng(0)
    assert len(set(questions(50, rng))) == 50 and not set(THINGS) & set(NEW_THINGS)
    with pytest.raises(ValueError, match="expected up to 72 questions, got 73"):
        questions(73, rng, NEW_THINGS)


def test_a_gap_is_found_with_its_name_or_without():
    manual = Manual(TOPICS)
    assert manual.train and manual.held_out and len(manual.train + manual.held_out) == 20
    for gap in manual.train + manual.held_out:
        assert gap.name not in gap.sentence and gap.name in manual.paragraphs[gap.paragraph]
        text, answer = manual.question(gap, rng=np.random.default_rng(0))
        assert answer == gap.whole and answer in text and gap.sentence in text
        text, answer = manual.question(gap, golden=False)
        assert answer == NONE and f'"{gap.name}()"' not in text and text.count("\n\n") == 3


def test_behind_any_number_that_hold_the_name_those_without_it_are_found():
    often = [
        f'A sentence that tells "print()" from others, and its number is {i}.' for i in range(30)
    ]
    manual = Manual(TOPICS | {"often": "\n\n".join(often)})
    gap = next(g for g in manual.train + manual.held_out if g.name == "print")
    for n in (3, 25):
        assert manual.question(gap, n=n)[0].count("\n\n") == n
        text, _ = manual.question(gap, golden=False, n=n)
        assert text.count("\n\n") == n and "print" not in text


@pytest.mark.parametrize(
    "written, answer, right",
    [
        ("str", "str", True),
        ('It is "str()".', "str", True),
        ("The str.", "str", True),
        ("strip", "str", False),
        ("str.strip", "str", False),
        ("a.str", "str", False),
        ("None of them", "none", True),
        ("the none", "none", False),
    ],
)
def test_what_counts_as_said(written, answer, right):
    assert says(written, answer) == right
