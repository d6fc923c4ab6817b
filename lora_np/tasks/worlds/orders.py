"""A skill with a checkable answer: an order in a sentence, its four facts as JSON.

    On Friday, Tom bought two pens.  →  {"who": "Tom", "what": "pens", "count": 2, "day": "Friday"}

Held out are all the words of a test (its customers and goods), and some of the sentence forms.
"""

import json

from ...system.json_text import parse_json

NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve")
COUNTS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
PEOPLE = (
    "Anna", "Ben", "Carla", "David", "Elena", "Frank", "Grace", "Hugo", "Irene", "Jack", "Karen",
    "Leo", "Maria", "Nick", "Paula", "Peter", "Rosa", "Sam", "Tina", "Victor",
)  # fmt: skip
GOODS = (
    "red apples", "bags of flour", "bottles of milk", "boxes of tea", "candles", "chairs",
    "clay pots", "coats", "cups", "garden tools", "hats", "jars of honey", "lamps",
    "loaves of bread", "maps", "old books", "paper bags", "pencils", "rolls of tape",
    "sheets of glass", "shirts", "spoons", "tins of paint", "wooden tables",
)  # fmt: skip
NEW_PEOPLE = ("Omar", "Lucy", "Walter", "Sofia", "Henry", "Nadia", "Bruno", "Julia")
NEW_GOODS = (
    "bicycles", "bags of rice", "blue plates", "bars of soap", "clocks", "green umbrellas",
    "boxes of nails", "blankets",
)  # fmt: skip
FORMS = (
    "{who} ordered {n} {what} for {day}.", "On {day}, {who} bought {n} {what}.",
    "{who} needs {n} {what} by {day}.", "Please send {n} {what} to {who} on {day}.",
    "By {day} {who} wants {n} {what}.", "{n} {what} go to {who} on {day}.",
    "We owe {who} {n} {what}, due {day}.", "{who} will pick up {n} {what} on {day}.",
    "For {day}, put aside {n} {what} for {who}.", "{day}: {n} {what}, customer {who}.",
)  # fmt: skip
NEW_FORMS = (
    "Could {who} have {n} {what} on {day}, please?",
    "It was {who} who asked for {n} {what}, to arrive on {day}.",
    "{n} {what} were promised to {who} for {day}.",
    "Next {day} we deliver {n} {what} to {who}.",
    "The {what} are for {who}, {n} of them, on {day}.",
)
KEYS = ("who", "what", "count", "day")


def orders(n, rng, forms=FORMS, people=PEOPLE, goods=GOODS):
    """n pairs (sentence, answer as JSON); half of the numbers are words, half are digits."""
    found = []
    for _ in range(n):
        form, who, what, day = (
            choices[rng.integers(len(choices))] for choices in (forms, people, goods, DAYS)
        )
        which = rng.integers(len(COUNTS))
        count = COUNTS[which]
        number = NUMBERS[which] if rng.random() < 0.5 else str(count)
        sentence = form.format(who=who, what=what, n=number, day=day)
        facts = dict(zip(KEYS, (who, what, count, day)))
        found.append((sentence[0].upper() + sentence[1:], json.dumps(facts)))
    return found


def held_out(n, rng, forms=FORMS):
    """n pairs of words that training never shows."""
    return orders(n, rng, forms, NEW_PEOPLE, NEW_GOODS)


def same(written, answer):
    """Whether the first {…} in what was written reads as JSON equal to the answer."""
    start, end = written.find("{"), written.find("}")
    try:
        return parse_json(written[start : end + 1]) == parse_json(answer)
    except ValueError:
        return False
