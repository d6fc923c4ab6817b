"""Jinja templates from a model's files, for which nobody vouches: sandboxed and bounded.

The environment is that in which transformers renders chat templates: blocks leave no line behind,
`raise_exception`, `strftime_now`, a `tojson` that escapes no HTML, `break` and `continue`, and
`{% generation %}`, which marks what the assistant says and writes nothing. Ways to ask for strings
of any width are left out: `**`, `%` on strings, and `format`.
"""

import datetime
import functools
import json

from ..system.extras import import_extra

LARGEST = 1 << 22  # characters of the text, or of any string or list on the way
STEPS = 1 << 21  # turns of loops, items of ranges, and calls, together: seconds
WIDEST = 1000  # a filter's or a call's number, such as an indentation
WIDTHS = {"center", "expandtabs", "format", "format_map", "ljust", "rjust", "zfill"}


class TooMuch(Exception):
    """A template asks for more than any conversation needs."""


class Budget:
    """How many steps a rendering may still take."""

    def __init__(self):
        self.left = STEPS

    def spend(self, steps=1):
        self.left -= steps
        if self.left < 0:
            raise TooMuch(f"it takes more than {STEPS:,} steps")

    def each(self, items):
        for item in items:
            self.spend()
            yield item


def render(template: str, **variables) -> str:
    """The text that a template makes of `variables`.

    Raises: ValueError for a template that is none, that fails, or that asks for too much;
    ImportError, saying what to install, without jinja2.
    """
    import_extra("jinja2")
    try:
        pieces, size = [], 0
        for piece in _compiled(template).generate(**variables, budget_=Budget()):
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST:
                raise TooMuch(f"it makes more than {LARGEST:,} characters")
        return "".join(pieces)
    except Exception as error:  # MemoryError and RecursionError too
        raise ValueError(f"chat_template: {str(error) or type(error).__name__}") from error


@functools.lru_cache(maxsize=8)
def _compiled(template):
    """The template, whose loops count their turns and whose joined strings are measured."""
    from jinja2 import nodes

    environment = _environment()
    tree = environment.parse(template)
    for loop in [*tree.find_all(nodes.For)]:
        loop.iter = nodes.Filter(loop.iter, "counted_", [], [], None, None)
    for joined in [*tree.find_all(nodes.Concat)]:
        joined.nodes = [nodes.Filter(n, "bounded_", [], [], None, None) for n in joined.nodes]
    return environment.from_string(tree)


def _environment():
    from jinja2 import pass_context
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        tags = {"generation"}

        def parse(self, parser):
            next(parser.stream)
            return parser.parse_statements(("name:endgeneration",), drop_needle=True)

    class Bounded(ImmutableSandboxedEnvironment):
        intercepted_binops = frozenset(["*", "**", "%", "+"])

        def call_binop(self, context, operator, left, right):
            if operator == "**" or (operator == "%" and isinstance(left, str)):
                raise TooMuch(f"{operator} is not for templates here")
            if operator == "*" and _size(left) * _size(right) > LARGEST:
                raise TooMuch(f"it multiplies to more than {LARGEST:,}")
            return _bounded(super().call_binop(context, operator, left, right))

        def wrap_str_format(self, value):
            return None  # `format` is no safe attribute here

        def is_safe_attribute(self, value, name, attribute):
            wide = isinstance(value, str) and name in WIDTHS
            return not wide and super().is_safe_attribute(value, name, attribute)

        def call(self, context, function, *args, **kwargs):
            _budget(context).spend()
            if function is not counted_range:
                _check(getattr(function, "__self__", None), args, kwargs)
            return _bounded(super().call(context, function, *args, **kwargs))

    @pass_context
    def counted_range(context, *args):
        _budget(context).spend(len(range(*args)))
        return range(*args)

    result = Bounded(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    filters = result.filters | {"tojson": _to_json, "counted_": _Counted, "bounded_": _bounded}
    known = {name: f for name, f in filters.items() if name not in WIDTHS}
    result.filters = {name: _guarded(f, name == "counted_") for name, f in known.items()}
    result.globals |= {"range": counted_range, "raise_exception": _raise, "strftime_now": _now}
    return result


class _Counted:
    """Something to loop over, each turn of which is counted; it knows its length, as a loop may."""

    def __init__(self, budget, items):
        self.budget, self.items = budget, items
        if not hasattr(items, "__len__"):
            self.items = [*budget.each(items)]

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        return self.budget.each(self.items)


def _budget(context):
    return context.parent["budget_"]  # what a template sets is not in `parent`


def _guarded(function, counts=False):
    """A filter that refuses what is too much; as a context's, it never runs at compile time."""
    from jinja2 import pass_context

    wants = getattr(getattr(function, "jinja_pass_arg", None), "name", None)

    @pass_context
    def run(context, value, *args, **kwargs):
        budget = _budget(context)
        budget.spend(1 if isinstance(value, str) or not hasattr(value, "__len__") else len(value))
        _check(value, args, kwargs)
        given = {"context": context, "eval_context": context.eval_ctx}
        given |= {"environment": context.environment, None: budget}
        first = [given[wants]] if wants or counts else []
        return _bounded(function(*first, value, *args, **kwargs))

    return run


def _size(value):
    return len(value) if hasattr(value, "__len__") else abs(value)


def _check(value, args, kwargs):
    """Raise TooMuch for a number, or strings in each other's place, that would fill the memory."""
    given = [*args, *kwargs.values()]
    if any(isinstance(each, int) and abs(each) > WIDEST for each in given):
        raise TooMuch(f"it asks for a width of more than {WIDEST}")
    longest = max((len(each) for each in given if isinstance(each, str)), default=0)
    if isinstance(value, str) and len(value) * longest > LARGEST << 8:
        raise TooMuch(f"it would make more than {LARGEST:,} characters")


def _bounded(value):
    if isinstance(value, str | list | tuple | dict) and len(value) > LARGEST:
        raise TooMuch(f"it makes more than {LARGEST:,} characters or items on the way")
    return value


def _to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise(message):
    raise TooMuch(message)


def _now(form):
    return datetime.datetime.now().strftime(form)
