// A figure in a notebook, by anywidget: its modules arrive as text, and the kernel's lora_np computes.

/** An address for the module at `path`, whose imports are turned into such addresses. */
function address(path, sources, made) {
  const link = (_, before, target) => {
    const { pathname } = new URL(target, `file:///${path}`);
    return `${before}"${address(pathname.slice(1), sources, made)}"`;
  };
  const text = () => sources[path].replace(/(\bfrom\s+)"(\.\.?\/[^"]+)"/g, link);
  return (made[path] ??= URL.createObjectURL(new Blob([text()], { type: "text/javascript" })));
}

async function render({ model, el }) {
  const name = model.get("name"), sources = model.get("sources"), made = {}, waiting = new Map();
  const [{ mount }, { figure }] = await Promise.all(["frame.mjs", `${name}.mjs`].map((path) => import(address(path, sources, made))));
  let turn = 0;
  model.on("msg:custom", (reply) => waiting.get(reply.turn)?.(reply.numbers));
  const ask = (figures, state) => new Promise((done) => {
    waiting.set(++turn, done);
    model.send({ turn, name: figures, state });
  });
  const root = document.createElement("div");
  el.append(root);
  const live = mount(root, figure, model.get("settings"));
  live.takeOver(ask, "in this notebook's kernel");
}

export default { render };
