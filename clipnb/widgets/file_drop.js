// Files dropped on the panel go to the kernel, in parts: a single large message would close the connection.

const PART = 1 << 20; // bytes; servers take 10 MB a message by default
const OVER = "clipnb-dropping";
const TARGET = ".clipnb-map, .clipnb-drop-target";

/** Where files can be dropped for this widget: the nearest target, upwards and beside; none outside its panel. */
function targetOf(element) {
  for (let node = element; node; node = node.parentElement) {
    const found = node.matches(TARGET) ? node : node.querySelector(TARGET);
    if (found || node.matches(".clipnb-panel")) return found;
  }
  return null;
}

/** What was dropped; a folder looks like a file that cannot be read, unless it is asked what it is. */
function entries(transfer) {
  return [...transfer.items]
    .filter((item) => item.kind === "file")
    .map((item) => ({ file: item.getAsFile(), folder: Boolean(item.webkitGetAsEntry?.()?.isDirectory) }))
    .filter((entry) => entry.file);
}

async function deliver(model, found) {
  const drop = `${Date.now()}-${Math.random()}`;
  const limits = { files: model.get("max_files"), bytes: model.get("max_bytes") };
  const refused = [];
  const taken = [];
  for (const { file, folder } of found) {
    if (folder) refused.push({ name: file.name, why: "folder" });
    else if (file.size > limits.bytes) refused.push({ name: file.name, why: "size", size: file.size });
    else if (taken.length >= limits.files) refused.push({ name: file.name, why: "count" });
    else taken.push(file);
  }
  for (const [index, file] of taken.entries()) {
    let bytes;
    try {
      bytes = await file.arrayBuffer();
    } catch {
      refused.push({ name: file.name, why: "unreadable" });
      continue;
    }
    for (let at = 0; at === 0 || at < bytes.byteLength; at += PART) {
      const part = bytes.slice(at, at + PART); // its own buffer: of a view, JupyterLab would send all that is behind it
      model.send({ kind: "part", drop, index, name: file.name }, undefined, part.byteLength ? [part] : []);
    }
  }
  model.send({ kind: "end", drop, refused });
}

function render({ model, el }) {
  el.style.display = "none";
  const page = el.ownerDocument;
  let lit = null;
  const light = (target) => {
    if (target === lit) return;
    lit?.classList.remove(OVER);
    target?.classList.add(OVER);
    lit = target;
  };
  /** The target under the pointer if files are being dragged over it; what else is dragged is none of our business. */
  const under = (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return null;
    const target = targetOf(el);
    return target && event.composedPath().includes(target) ? target : null;
  };
  const over = (event) => {
    const target = under(event);
    light(target);
    if (!target) return;
    event.preventDefault(); // or the browser opens the file instead of the notebook
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
  };
  const leave = (event) => {
    if (!event.relatedTarget) light(null); // out of the window
  };
  let queue = Promise.resolve();
  const drop = (event) => {
    const target = under(event);
    light(null);
    if (!target) return;
    event.preventDefault();
    event.stopPropagation();
    const found = entries(event.dataTransfer); // read now: the list is empty once this function has returned
    queue = queue.then(() => deliver(model, found)).catch(console.error);
  };
  /** The panel's own button for files: ipywidgets sends a file as one message, and one above 10 MB is lost in silence. */
  const choose = (event) => {
    const button = event.target.closest?.(".clipnb-upload");
    const panel = el.closest(".clipnb-panel");
    if (!button || !panel?.contains(button)) return;
    event.preventDefault();
    event.stopPropagation();
    const input = page.createElement("input");
    Object.assign(input, { type: "file", multiple: true, accept: "image/*" });
    input.addEventListener("change", () => {
      const found = [...input.files].map((file) => ({ file, folder: false }));
      queue = queue.then(() => deliver(model, found)).catch(console.error);
    });
    input.click();
  };
  // On the document, because the widget may be rendered before its target is there; while capturing, to come before
  // JupyterLab, which answers drops of its own.
  const listeners = { dragenter: over, dragover: over, dragleave: leave, drop, click: choose };
  for (const [name, listener] of Object.entries(listeners)) page.addEventListener(name, listener, true);
  return () => {
    light(null);
    for (const [name, listener] of Object.entries(listeners)) page.removeEventListener(name, listener, true);
  };
}

export default { render };
