"""Which methods fit which tables: what the library must say where one does not."""

from lora_np.methods import LoRA, TrainableTokens

RANK = "a rank from 1 to min"
TIED = "tied is for an embedding and head that share their table"
NEW = "expected new tokens from"
CLASSES = "rows of the head from 0 to"


def refusal(methods, vocabulary, classes=None):
    """The error's words, or None where all fit an embedding of `vocabulary` rows and its head.

    With `classes` the head is another: it shares no table, and has a row for each class.
    """
    for method in methods:
        if isinstance(method, LoRA):
            rows = {"wte": vocabulary, "lm_head": classes or vocabulary}
            smallest = min((n for name, n in rows.items() if name in method.targets), default=None)
            if method.tied and classes:
                return TIED  # there is no table that both have
            if smallest is not None and method.rank > smallest:
                return RANK  # a table of n rows is of rank n at most
        if isinstance(method, TrainableTokens):
            head, new = method.head or (), [t for t in method.tokens if t >= vocabulary]
            if classes and max(head, default=0) >= classes:
                return CLASSES  # no class has that row
            ids = method.tokens if classes else (*method.tokens, *head)
            if max(ids) >= vocabulary + len(new):
                return NEW  # ids past the vocabulary of so few words, with some left out
    return None
