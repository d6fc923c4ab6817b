// How long each cell of a lesson takes in WebAssembly, in processor seconds:
//
//   node site/tools/time_lesson.mjs out/pyodide notebooks/08_*.ipynb
import { run } from "../../site/tools/repository.mjs";

const [folder, ...lessons] = process.argv.slice(2);
await run(folder, `
import json, pathlib
import js
import matplotlib
matplotlib.use("agg")
from IPython.core.interactiveshell import InteractiveShell

failed = 0
for lesson in map(pathlib.Path, ARGS):
    shell, total = InteractiveShell(colors="nocolor"), 0
    os.chdir("/repository/notebooks")
    for number, cell in enumerate(json.loads((pathlib.Path("/repository") / lesson).read_text())["cells"]):
        if cell["cell_type"] != "code":
            continue
        begun = js.process.cpuUsage().user / 1e6
        result = shell.run_cell("".join(cell["source"]), store_history=True)
        took = js.process.cpuUsage().user / 1e6 - begun
        total, failed = total + took, failed + (not result.success)
        print(f"CELL {lesson.stem} {number:3} {cell['id']:24}{took:8.1f} s"
              + ("" if result.success else "  FAILED"), flush=True)
    print(f"CELL {lesson.stem} all{'':25}{total:8.1f} s", flush=True)
failed
`, lessons);
