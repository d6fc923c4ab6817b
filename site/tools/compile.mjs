// Compile what a first lesson and a first exercise import, so that no visit has to:
//
//   node site/tools/compile.mjs FOLDER OUT
//
// FOLDER is Pyodide's, with its wheels; OUT gets a .pyc for each file, named as in the wheel, and those of
// Python's own library below stdlib/, without docstrings (0.6 MB).
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
import pathlib, py_compile, site, sys, zipfile
import IPython, jedi, micropip, piplite.piplite, matplotlib_inline.backend_inline, matplotlib.pyplot
import comm, lora_np.course.notebook

of_python = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
import anywidget, pydoc_data.topics, hypothesis.extra.numpy, nbformat

zipped = next(path for path in sys.path if path.endswith(".zip"))
zipfile.ZipFile(zipped).extractall("/tmp/stdlib")
places = {site.getsitepackages()[0] + "/": ("/", ""), zipped + "/": ("/tmp/stdlib/", "stdlib/")}
files = {getattr(module, "__file__", None) or "" for module in list(sys.modules.values())}
package = pathlib.Path(lora_np.__file__).parent
seldom = ("cli", "conformance", "course/experiments")  # as source alone: 0.4 MB less
files |= {str(path) for path in package.rglob("*.py")
          if not path.relative_to(package).as_posix().startswith(seldom)}
for file in sorted(files):
    for place, (there, out) in places.items():
        if file.startswith(place) and file.endswith(".py") and (not out or file in of_python):
            name = file.removeprefix(place)
            readable = file if there == "/" else there + name
            py_compile.compile(
                readable, f"/out/{out}{name}c", file, doraise=True, optimize=2 if out else 0,
                invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
`);
process.exit(0);
