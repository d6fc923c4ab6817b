// Python in WebAssembly, in Node, with this repository at /repository and what a folder made by
// site/pyodide.py holds. `run(folder, code, args)` runs code with ARGS and exits with its value.
import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const repository = path.resolve(import.meta.dirname, "../..");

export async function run(folder, code, args) {
  const pyodide = path.resolve(folder);
  try {
    const { loadPyodide } = await import(pathToFileURL(path.join(pyodide, "pyodide.mjs")));
    const python = await loadPyodide({
      indexURL: pyodide + path.sep,
      env: { HOME: "/home/pyodide", HYPOTHESIS_STORAGE_DIRECTORY: "/tmp/hypothesis" },
    });
    const lock = JSON.parse(fs.readFileSync(path.join(pyodide, "pyodide-lock.json")));
    const packages = Object.keys(lock.packages).filter((name) => name !== "lora-np"); // it is there
    await python.loadPackage(packages, { messageCallback() {} });
    python.mountNodeFS("/repository", repository);
    python.globals.set("ARGS", python.toPy(args));
    python.runPython(`
      import os, sys
      sys.dont_write_bytecode = True  # the repository is whoever's runs this
      sys.path[:0] = ["/repository", "/repository/tests"]
      os.chdir("/repository")
    `);
    process.exit(python.runPython(code));
  } catch (error) {
    console.error(String(error.message).slice(-4000)); // not its source, a line of a megabyte
    process.exit(70);
  }
}
