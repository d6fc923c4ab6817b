// A Web Worker with Python and lora_np: the page asks, and never waits for it while it draws.
import { loadPyodide } from "../lite/static/pyodide/pyodide.mjs";

const ready = (async () => {
  const python = await loadPyodide({ indexURL: new URL("../lite/static/pyodide/", import.meta.url).href });
  await python.loadPackage("lora-np", { messageCallback() {} });
  return python.runPython(`
from lora_np.course.interactive import answers, live

def asked(name, state):
    return (live if name.startswith("live.") else answers).answer(name, state)

asked
`);
})();

onmessage = async ({ data: { turn, name, state } }) => {
  try {
    const asked = await ready;
    postMessage({ turn, numbers: name ? JSON.parse(asked(name, JSON.stringify(state ?? {}))) : null });
  } catch (error) {
    postMessage({ turn, error: String(error.message).trim().split("\n").at(-1) });
  }
};
