"""Sphinx's settings; build.py gives the folder of sources, which `content.py` makes."""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import docstrings  # noqa: E402
import figures  # noqa: E402
import lora_np  # noqa: E402

project, author, release = "lora_np", "The lora_np developers", lora_np.__version__
html_title = "lora_np"
smartquotes = False  # x' and "..." are what was written
html_context = {"default_mode": "auto"}  # light or dark, as the computer is
extensions = [
    "myst_nb", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "sphinx.ext.viewcode",
    "sphinx_copybutton",
]  # fmt: skip

# Lessons: what was committed is what is shown
nb_execution_mode = "off"
nb_merge_streams = True
nb_mime_priority_overrides = [("html", "text/markdown", 0)]
myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence"]
myst_heading_anchors = 4
myst_dmath_double_inline = True
suppress_warnings = ["mystnb.unknown_mime_type"]

# The API: signatures with their types, docstrings as they stand
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autosummary_generate = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
viewcode_line_numbers = True
add_module_names = False
toc_object_entries = False

# The theme; everything a page loads lies beside it
html_theme = "pydata_sphinx_theme"
html_static_path, templates_path = ["static"], ["templates"]
html_css_files = ["site.css"]
html_js_files = [("site.mjs", {"type": "module", "async": "async"})]  # figures wait for no other
html_favicon = "static/icon.svg"
html_copy_source = html_show_sourcelink = False
mathjax_path = "mathjax/tex-chtml.js"
mathjax3_config = {"options": {"enableMenu": False}}  # the menu fetches more than is here
copybutton_selector = "div.highlight pre"
html_sidebars = {"index": [], "by_hand": [], "search": []}
html_theme_options = {
    "logo": {"text": "lora_np", "image_light": "static/icon.svg", "image_dark": "static/icon.svg"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "navigation_depth": 2,
    "show_nav_level": 1,
    "footer_start": ["footer"],
    "footer_end": [],
    "back_to_top_button": False,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def preload(app, page, template, context, doctree):
    """Let a page with figures ask for their modules at once, not one after another."""
    names = re.findall(r'data-figure="(\w+)"', context.get("body", ""))
    folder = context["pathto"]("_static/figures", 1)
    for file in figures.needed(dict.fromkeys(names)):
        context["metatags"] += f'<link rel="modulepreload" href="{folder}/{file}">\n'


def setup(app):
    app.connect("html-page-context", preload)
    app.connect("autodoc-process-docstring", docstrings.process)
    app.connect("autodoc-process-signature", docstrings.signature)
    app.connect("autodoc-skip-member", docstrings.skip)
