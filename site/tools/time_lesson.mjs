// How long each cell of a lesson takes in WebAssembly, in processor seconds, and whether it fails:
//
//   node site/tools/time_lesson.mjs out/pyodide notebooks/08_*.ipynb
import { run } from "./repository.mjs";

const [folder, ...lessons] = process.argv.slice(2);
await run(folder, `
import contextlib, io, json, pathlib
import js
import matplotlib
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

matplotlib.use("agg")
config, failed = Config(), 0
config.HistoryManager.enabled = False  # it would start a thread
for lesson in map(pathlib.Path, ARGS):
    InteractiveShell.clear_instance()
    shell, total = InteractiveShell.instance(config=config, colors="nocolor"), 0
    os.chdir("/repository/notebooks")
    cells = json.loads((pathlib.Path("/repository") / lesson).read_text())["cells"]
    for number, cell in enumerate(cells):
        if cell["cell_type"] != "code":
            continue
        begun, printed = js.process.cpuUsage().user, io.StringIO()
        with contextlib.redirect_stdout(printed):
            result = shell.run_cell("".join(cell["source"]), store_history=True)
        took = (js.process.cpuUsage().user - begun) / 1e6
        total, failed = total + took, failed + (not result.success)
        print(f"{lesson.stem} {number:3} {cell['id']:24}{took:8.1f} s"
              + ("" if result.success else "  FAILED: " + printed.getvalue()[-600:]), flush=True)
    print(f"{lesson.stem} all cells{'':19}{total:8.1f} s", flush=True)
failed
`, lessons);
