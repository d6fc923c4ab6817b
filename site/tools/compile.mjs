// Compile what a first lesson and a first exercise import, so that no visit has to:
//
//   node site/tools/compile.mjs FOLDER OUT
//
// FOLDER is Pyodide's, with its wheels; OUT gets a .pyc for each file, named as in the wheel.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, out] = process.argv.slice(2).map((each) => path.resolve(each));
const { loadPyodide } = await import(pathToFileURL(path.join(folder, "pyodide.mjs")));
const python = await loadPyodide({ indexURL: folder + path.sep });
const lock = JSON.parse(fs.readFileSync(path.join(folder, "pyodide-lock.json")));
await python.loadPackage(Object.keys(lock.packages), { messageCallback() {} });
fs.mkdirSync(out, { recursive: true });
python.mountNodeFS("/out", out);
python.runPython(`
import pathlib, py_compile, site, sys
import IPython, jedi, micropip, matplotlib_inline.backend_inline, matplotlib.pyplot
import hypothesis.extra.numpy, nbformat, lora_np.course.notebook

where = site.getsitepackages()[0] + "/"
files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
files |= set(map(str, pathlib.Path(lora_np.__file__).parent.rglob("*.py")))
for file in sorted(files):
    if file.startswith(where) and file.endswith(".py"):
        name = file.removeprefix(where)
        py_compile.compile(
            file, f"/out/{name}c", file, doraise=True,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
`);
process.exit(0);
