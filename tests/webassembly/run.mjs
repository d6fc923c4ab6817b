// The tests in WebAssembly, by Pyodide in Node:
//
//   python site/pyodide.py out/pyodide --wheels DIR $(cat tests/webassembly/packages.txt)
//   node tests/webassembly/run.mjs out/pyodide tests/nn tests/quant
//
// What follows the folder goes to pytest. plugin.py says which tests cannot hold there, and why.
import { run } from "../../site/tools/repository.mjs";

const [folder, ...args] = process.argv.slice(2);
await run(folder, `
import pytest
int(pytest.main(["-p", "no:cacheprovider", "-p", "webassembly.plugin", "-q", *ARGS]))
`, args);
