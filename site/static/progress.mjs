// Which pages were marked as done, kept in this browser and nowhere else.
const KEY = "lora_np.done";

export const done = () => new Set(JSON.parse(localStorage.getItem(KEY) ?? "[]"));

export function mark(page, isDone) {
  const pages = done();
  if (isDone) pages.add(page);
  else pages.delete(page);
  localStorage.setItem(KEY, JSON.stringify([...pages].sort()));
}

/** Tick the lists, and let the button below a lesson mark it. */
export function show(root) {
  const pages = done();
  for (const item of document.querySelectorAll("li[data-page]")) {
    const ticked = pages.has(item.dataset.page);
    item.classList.toggle("done", ticked);
    item.querySelector(".title").title = ticked ? "You marked this as done" : "";
  }
  for (const link of document.querySelectorAll('nav a[href$=".html"]')) {
    const page = new URL(link.href).pathname.split("/").slice(-2).join("/").replace(/\.html$/, "");
    link.classList.toggle("done", pages.has(page));
  }
  const button = document.querySelector(".done-here button");
  if (button) {
    const { page } = button.dataset;
    const say = () => {
      const ticked = done().has(page);
      button.textContent = ticked ? "✓ Done" : "Mark as done";
      button.setAttribute("aria-pressed", ticked);
    };
    button.hidden = false;
    button.addEventListener("click", () => { mark(page, !done().has(page)); say(); });
    say();
  }
}
