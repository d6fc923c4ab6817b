"""The optional libraries: there, or a sentence that says how to get them."""

from importlib import import_module
from importlib.util import find_spec


def spec_of(name):
    """How the module `name` would be loaded; None where it is missing, or a stand-in.

    JupyterLite puts modules without a spec in the place of some that WebAssembly lacks.
    """
    try:
        return find_spec(name)
    except (ValueError, ModuleNotFoundError):  # the latter of `google.protobuf` without `google`
        return None


def has_extra(name):
    """Whether the optional library `name` is installed.

    A folder of that name in the current directory, which Python imports as an empty package, is
    not the library.
    """
    spec = spec_of(name)
    return spec is not None and spec.origin is not None


def import_extra(name, package=None):
    """The optional library `name`, of the `package` on PyPI where that is another name.

    Raises: ImportError that says what to install.
    """
    if not has_extra(name):
        package = package or name
        raise ImportError(
            f"this file needs the library `{package}`, which is optional here; install it with: "
            f"pip install {package}"
        )
    return import_module(name)
