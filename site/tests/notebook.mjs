// A notebook in JupyterLite: open it, run its cells one by one, read what they gave.
import { processorSeconds } from "./common.mjs";

export const address = (site, notebook) => `${site.url}/lite/notebooks/index.html?path=${notebook}`;

/** Open and wait for the kernel; returns the milliseconds since `page.goto`. */
export async function open(page, url) {
  const began = Date.now();
  await page.goto(url);
  await page.waitForFunction(() => {
    const kernel = window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel;
    return kernel?.status === "idle";
  });
  return Date.now() - began;
}

/** The cells' sources and kinds. */
export const cells = (page) =>
  page.evaluate(() => [...window.jupyterapp.shell.currentWidget.content.model.cells].map((cell) => ({
    type: cell.type, source: cell.sharedModel.getSource(),
  })));

export const write = (page, index, source) =>
  page.evaluate(([i, text]) => window.jupyterapp.shell.currentWidget.content.model.cells.get(i).sharedModel.setSource(text), [index, source]);

/** Run the cell; returns { outputs, error, text, plot, ran }. */
export async function run(page, index, patience = 600_000) {
  const ran = page.evaluate(async (i) => {
    const { content } = window.jupyterapp.shell.currentWidget;
    content.activeCellIndex = i;
    content.deselectAll();
    await window.jupyterapp.commands.execute("notebook:run-cell");
    const cell = content.model.cells.get(i).toJSON();
    const texts = cell.outputs.map((output) => [output.text ?? output.data?.["text/plain"] ?? ""].flat().join(""));
    return {
      ran: cell.execution_count !== null,
      text: texts.join("\n"),
      error: cell.outputs.filter((output) => output.output_type === "error").map((o) => `${o.ename}: ${o.evalue}`).join("; "),
      plot: cell.outputs.some((output) => /<img|image\/png/.test(JSON.stringify(output.data ?? {}))),
    };
  }, index);
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`cell ${index} ran over ${patience} ms`)), patience).unref());
  return Promise.race([ran, late]);
}

/** Run every code cell of a lesson; a row of the table of lessons. `cpu` is processor seconds. */
export async function runAll(page, url, seen = () => {}) {
  const began = Date.now(), spent = processorSeconds();
  const now = () => ({ seconds: (Date.now() - began) / 1000, cpu: processorSeconds() - spent });
  await open(page, url);
  const row = { kernel: now(), plot: null, cells: 0, failing: [], slowest: 0 };
  for (const [index, { type }] of (await cells(page)).entries()) {
    if (type !== "code") continue;
    const before = now();
    const { ran, error, plot } = await run(page, index);
    const after = now();
    seen(index, after.seconds - before.seconds, after.cpu - before.cpu);
    row.slowest = Math.max(row.slowest, after.cpu - before.cpu);
    row.cells += 1;
    if (error || !ran) row.failing.push(`cell ${index}: ${error || "not run"}`);
    if (plot && row.plot === null) row.plot = after;
  }
  row.all = now();
  return row;
}
