"""Everyday questions to put to a model that answers: a form, and a thing it asks about.

What is held out is the thing; nobody has written answers to these.
"""

FORMS = (
    "What is {}?", "Tell me about {}.", "Why do people like {}?", "What do you know about {}?",
    "How would you explain {} to a child?", "Where does one find {}?",
)  # fmt: skip
THINGS = (
    "music", "rain", "honey", "iron", "the desert", "chess", "paper", "the sun", "rice", "salt",
    "a bridge", "football", "gold", "poetry", "a library", "the heart", "wool", "snow", "cheese",
    "a compass", "dancing", "the wind", "glass", "gardening", "a clock", "fishing", "history",
    "oranges", "the night sky", "silk", "horses", "a castle",
)  # fmt: skip
NEW_THINGS = (
    "the moon", "coffee", "bees", "a volcano", "swimming", "bread", "the ocean", "painting",
    "a train", "winter", "mathematics", "potatoes",
)  # fmt: skip


def questions(n, rng, things=THINGS):
    """n different questions."""
    every = [form.format(thing) for thing in things for form in FORMS]
    if n > len(every):
        raise ValueError(f"expected up to {len(every)} questions, got {n}")
    return [every[i] for i in rng.permutation(len(every))[:n]]
