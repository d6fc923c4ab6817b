"""The package's docstrings, which are plain text, as reStructuredText that shows them so."""

import inspect
import re
import textwrap

SECTION = re.compile(r"^(Shapes|Raises|Units|Returns|Example)s?: ?", re.M)


def restructured(lines):
    """The lines of a docstring: paragraphs escaped, indented lines and tables kept."""
    made = []
    for block in re.split(r"\n\s*\n", "\n".join(lines).strip("\n")):
        made += [*blocks(block), ""]
    return made


def blocks(block):
    """A paragraph; lines that are indented below it, or a table, become a literal block."""
    group, literal = [], None
    for line in block.splitlines():
        kind = line.startswith((" ", "|"))
        if kind != literal and group:
            yield from written(group, literal)
            group = []
        literal = kind
        group.append(line)
    yield from written(group, literal)


def written(group, literal):
    if literal:
        text = textwrap.dedent("\n".join(group))
        return ["", "::", "", *textwrap.indent(text, "    ").splitlines(), ""]
    text = inline("\n".join(group))
    return SECTION.sub(lambda found: f"\n**{found[0].strip()}** ", text).splitlines()


def inline(text):
    """`code` as ``code``, whatever stands beside it; outside of it nothing is markup."""
    parts = re.split(r"`+([^`]+)`+", text)
    for i, part in enumerate(parts):
        parts[i] = rf"\ ``{part}``\ " if i % 2 else re.sub(r"([*_|\\])", r"\\\1", part)
    return "".join(parts)


def process(app, what, name, found, options, lines):
    """Sphinx's event `autodoc-process-docstring`."""
    lines[:] = restructured(lines)


def skip(app, what, name, found, skipped, options):
    """`autodoc-skip-member`: the protocol's two halves are shown, with or without a docstring.

    A field whose default is a function of a module is no method of its class, and `recall`, which
    `Module` hands to each class with a forward of its own, is shown of none; nor is a class that a
    field names, `layer`: it would be taken for one of that module's.
    """
    if name == "recall" or (what == "class" and inspect.isclass(found)):
        return True
    if name in ("forward", "backward"):
        return False
    is_default = inspect.isfunction(found) and "." not in found.__qualname__
    return True if what == "class" and is_default else None


def signature(app, what, name, found, options, arguments, returned):
    """`autodoc-process-signature`: a default that is a function or a class, by its name."""
    shown = r"<(?:function|class) '?(?:\w+\.)*(\w+)[^>]*>"
    return re.sub(shown, r"\1", arguments or "") or None, returned
