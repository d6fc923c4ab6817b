"""python -m lora_np site: the course as a web site, opened on this computer."""

import sys
import webbrowser
from pathlib import Path

from ..system import serve
from ..system.hints import python
from .options import show, whole
from .out import any_folder

check_out = any_folder

BUILT = Path("out") / "site"
BUILD = "{0} -m pip install -r site/requirements.txt && {0} site/build.py --out"


def add(commands):
    parser = commands.add_parser(
        "site",
        help="the course in the browser: open the site that site/build.py made",
        description="Serve the built site to this computer alone, and open it in the browser.",
    )
    parser.add_argument(
        "--serve", nargs="?", const=BUILT, default=BUILT, metavar="DIR",
        help=f"the folder that the site was built into (default {BUILT})",
    )  # fmt: skip
    parser.add_argument(
        "--port", type=whole(0), default=serve.PORT,
        help="default %(default)s: your browser keeps what you change by the address; 0: any free",
    )  # fmt: skip
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    return parser


def run(options):
    if options.out:
        raise ValueError("--out: site writes nothing; --serve DIR names the folder that it opens")
    folder = Path(options.serve)
    if not (folder / "index.html").is_file():
        build = BUILD.format(python())
        raise ValueError(
            f"{folder} holds no built site. From the project's folder, with npm, build it: "
            f"{build} {folder}"
        )
    with serve.server(folder.resolve(), options.port) as running:
        address = serve.address(running)
        show(options, {"address": address}, f"{address}  (Ctrl-C ends it)")
        sys.stdout.flush()
        if not options.no_browser:
            webbrowser.open(address)
        running.serve_forever()


def kept(options):
    return "The site stays where it is."
