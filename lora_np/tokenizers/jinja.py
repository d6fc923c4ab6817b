"""Jinja templates from a model's files, for which nobody vouches: sandboxed and bounded.

The environment is that in which transformers renders chat templates: blocks leave no line behind,
`raise_exception`, `strftime_now`, a `tojson` that escapes no HTML, `break` and `continue`, and
`{% generation %}`, which marks what the assistant says and writes nothing. Ways to ask for strings
of any width are left out: `**`, `%` on strings, and `format`.
Whatever it makes, compares or writes is weighed first, to any depth (`budget.py`).
"""

import datetime
import functools
import json

from ..system.extras import import_extra
from .budget import LARGEST, WIDEST, Budget, TooMuch

LONGEST = 1 << 20  # characters of a template
WIDTHS = {"center", "expandtabs", "format", "format_map", "ljust", "rjust", "zfill"}
LIGHT = {"count", "d", "default", "first", "last", "length"}  # filters that look at no more


def render(template: str, **variables) -> str:
    """The text that a template makes of `variables`.

    Raises: ValueError for a template that is none, that fails, or that asks for too much;
    ImportError, saying what to install, without jinja2.
    """
    import_extra("jinja2")
    try:
        if len(template) > LONGEST:
            raise TooMuch(f"expected at most {LONGEST:,} characters")
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
    environment = _environment()
    return environment.from_string(_weighing().visit(environment.parse(template)))


def _weighing():
    """What makes a template weigh what no call, filter or operator would: literals, slices, what is
    compared or joined; and count the turns of its loops."""
    from jinja2 import nodes
    from jinja2.visitor import NodeTransformer

    def through(node, name="weighed_"):
        return nodes.Filter(node, name, [], [], None, None)

    class Weighing(NodeTransformer):
        def visit_List(self, node):
            return through(self.generic_visit(node))

        visit_Dict = visit_List

        def visit_Tuple(self, node):
            node = self.generic_visit(node)
            return through(node) if node.ctx == "load" else node

        def visit_Getitem(self, node):
            node = self.generic_visit(node)
            return through(node) if isinstance(node.arg, nodes.Slice) else node

        def visit_Concat(self, node):
            return through(nodes.List(self.generic_visit(node).nodes), "joined_")

        def visit_For(self, node):
            node = self.generic_visit(node)
            node.iter = through(node.iter, "counted_")
            return node

        def visit_Operand(self, node):
            node = self.generic_visit(node)
            node.expr = through(node.expr)
            return node

        visit_Compare = visit_Operand

        def visit_Test(self, node):
            node = self.generic_visit(node)
            node.node, node.args = through(node.node), [through(each) for each in node.args]
            return node

    return Weighing()


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
            sizes = [_size(context, x) for x in (left, right)]
            if operator == "*" and sizes[0] * sizes[1] > LARGEST:
                raise TooMuch(f"it multiplies to more than {LARGEST:,}")
            return _weighed(context, super().call_binop(context, operator, left, right))

        def wrap_str_format(self, value):
            return None  # `format` is no safe attribute here

        def is_safe_attribute(self, value, name, attribute):
            wide = isinstance(value, str) and name in WIDTHS
            return not wide and super().is_safe_attribute(value, name, attribute)

        def call(self, context, function, *args, **kwargs):
            budget = _budget(context)
            budget.spend()
            args = [budget.whole(each) for each in args]
            if function is not counted_range:
                budget.check(getattr(function, "__self__", None), [*args, *kwargs.values()])
            return _weighed(context, super().call(context, function, *args, **kwargs))

    @pass_context
    def counted_range(context, *args):
        _budget(context).spend(len(range(*args)))
        return range(*args)

    result = Bounded(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    result.finalize = pass_context(_weighed)
    own = {"tojson": _to_json, "joined_": _joined, "weighed_": lambda value: value}
    filters = {n: _guarded(n, f) for n, f in (result.filters | own).items() if n not in WIDTHS}
    result.filters = filters | {"counted_": pass_context(_Counted)}
    result.globals |= {"range": counted_range, "raise_exception": _raise, "strftime_now": _now}
    return result


def _size(context, x):
    return abs(x) if isinstance(x, int | float) else _weighed(context, x, True)


class _Counted:
    """Something to loop over, each turn of which is counted; it knows its length, as a loop may."""

    def __init__(self, context, items):
        self.budget = _budget(context)
        self.items = items if hasattr(items, "__len__") else [*self.budget.each(items)]

    def __len__(self):
        return len(self.items)

    def __iter__(self):
        return self.budget.each(self.items)


def _budget(context):
    return context.parent["budget_"]  # what a template sets is not in `parent`


def _weighed(context, value, size=False):
    found = _budget(context).weigh(value)
    return found if size else value


def _guarded(name, function):
    """A filter that refuses what is too much; as a context's, it never runs at compile time."""
    from jinja2 import pass_context

    wants = getattr(getattr(function, "jinja_pass_arg", None), "name", None)

    @pass_context
    def run(context, value, *args, **kwargs):
        budget = _budget(context)
        budget.spend()
        value, given = budget.whole(value), [*args, *kwargs.values()]
        budget.check(None if name in LIGHT else value, given)
        if name == "sum" and any(isinstance(each, list | tuple) for each in given):
            raise TooMuch("sum is for numbers here")  # of lists it would copy all so far each time
        first = {"context": context, "eval_context": context.eval_ctx}
        first |= {"environment": context.environment}
        result = function(*([first[wants]] if wants else []), value, *args, **kwargs)
        return result if name in LIGHT else _weighed(context, result)

    return run


def _joined(items):
    return "".join(map(str, items))


def _to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _raise(message):
    raise TooMuch(message)


def _now(form):
    if len(form) > WIDEST // 10:  # each of its fields may be as wide as it says
        raise TooMuch(f"it asks for a width of more than {WIDEST}")
    return datetime.datetime.now().strftime(form)
