"""A notebook's cell as plain Python: magics left out, checks recognised, both by parsing."""

import ast
import io
import tokenize

LEFT_OUT = ("%", "!", "?")  # what such a statement asks for concerns the front end alone
KEPT = ("%time ", "%%time", "%%capture")  # these run what follows as Python
BETWEEN = (tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)


def no_shell(*_):
    """Stands for get_ipython. Raises: RuntimeError."""
    raise RuntimeError("get_ipython() is there in a notebook only: the grader runs plain Python")


def plain_python(cell):
    """The cell without the statements that only a notebook's front end understands.

    Raises: SyntaxError that says so where such a thing is part of a statement (`x = !ls`, `name?`)
    or the cell is in another language (`%%bash`); nothing for other errors.
    """
    lines = cell.splitlines(keepends=True)
    for i, line in enumerate(lines):
        text = line.lstrip()
        if text.startswith(LEFT_OUT) and _begins_a_statement(lines[:i]):
            indent = line[: len(line) - len(text)]
            if text.startswith("%%") and not text.startswith(KEPT):
                raise SyntaxError(f"{text.split()[0]} is not Python: the grader cannot run it")
            rest = text.removeprefix("%time ") if text.startswith("%time ") else "pass\n"
            lines[i] = indent + rest
    source = "".join(lines)
    try:
        ast.parse(source)
    except SyntaxError as error:
        line, place = error.text or "", max((error.offset or 0) - 1, 0)
        before, asked, after = line[:place].rstrip(), line[place : place + 1], line[place:].strip()
        shell = asked in ("!", "%") and before.endswith("=")
        if shell or (asked == "?" and not after.strip("?")):
            raise SyntaxError(
                f"only a notebook understands this: {line.strip()[:100]}\n"
                "  the grader runs plain Python"
            ) from None
    except (ValueError, RecursionError, MemoryError):  # told when the cell is run
        pass
    return source


def _begins_a_statement(before):
    """Whether what follows these lines begins a statement, and continues none."""
    text, place, previous = "".join([*before, "here\n"]), len(before) + 1, tokenize.NEWLINE
    try:
        for token in list(tokenize.generate_tokens(io.StringIO(text).readline)):
            if token.string == "here" and token.start == (place, 0):
                return previous in BETWEEN
            previous = token.type
    except (tokenize.TokenError, SyntaxError):  # an open bracket or string
        pass
    return False


def checked(cell):
    """The numbers of the exercises that a cell checks, if to check is all it does; else none."""
    try:
        statements = ast.parse(plain_python(cell)).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    calls = [statement.value for statement in statements if isinstance(statement, ast.Expr)]
    numbers = [
        call.args[0].value
        for call in calls
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id == "check"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    ]
    return numbers if len(numbers) == len(statements) else []
