// JupyterLab asks for Python's worker when the notebook is drawn. Here it starts with the page, beside it.
{
  const Plain = window.Worker, url = new URL("WORKER", document.baseURI).href;
  let early = crossOriginIsolated ? null : new Plain(url, { type: "module" });
  window.Worker = class extends Plain {
    constructor(wanted, options) {
      if (early && String(wanted) === url) {
        const given = early;
        early = null; // a restarted kernel gets one of its own
        return given;
      }
      super(wanted, options);
    }
  };
}
