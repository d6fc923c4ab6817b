// Python, as JupyterLite's worker imports it. It starts when the worker does, not when it is asked for.
import { loadPyodide as load } from "./pyodide.mjs";

const packages = []; // the build writes them here
const KERNEL = "import IPython, piplite.piplite"; // what the kernel imports, and then a lesson,
const LESSON = "import lora_np.checkpoint, matplotlib_inline.backend_inline"; // while the page is drawn

async function start() {
  const python = await load({ packages });
  python.runPython(KERNEL);
  return python;
}

const started = start();
started.then((python) => setTimeout(() => python.runPython(LESSON)));

export async function loadPyodide({ stdout, stderr }) {
  const python = await started;
  python.setStdout({ batched: stdout });
  python.setStderr({ batched: stderr });
  return python;
}
