// What is drawn over a map of jupyter-scatter: rings around points, stars with their names, the name of one point.

const SVG = "http://www.w3.org/2000/svg";
const MARK = "#e7298a"; // no colour of a group, and seen on light and dark pages
const STAR = "M0-9 2.1-2.9 8.6-2.8 3.4 1.1 5.3 7.3 0 3.6-5.3 7.3-3.4 1.1-8.6-2.8-2.1-2.9Z";

/** The scatter beside this widget, once it is there: jupyter-scatter leaves its interface on an element around its canvas. */
function scatterBeside(el) {
  const map = el.closest(".clipnb-large-map");
  for (const canvas of map?.querySelectorAll("canvas") ?? []) {
    for (let node = canvas; node && node !== map; node = node.parentElement) {
      if (node.api) return { api: node.api, canvas };
    }
  }
  return null;
}

const soon = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The scatter refuses new points while it draws others, and they would be lost: let them wait for their turn. */
function takeTurns(api, done) {
  const draw = api.draw;
  let gone = false;
  let last = (async () => {
    while (!gone && !api.get("isPointsDrawn")) await soon(30);
    if (!gone) done();
  })();
  api.draw = (...given) => {
    last = last.then(() => !gone && draw(...given).then(done)).catch(console.error);
    return last;
  };
  return () => {
    gone = true;
    api.draw = draw;
  };
}

/**
 * Clicks go to Python alone: jupyter-scatter would select the one point, also when a lasso ends where it began.
 * What takes a lasso away is a double click, or Escape.
 */
function clicks(around, call) {
  let [x, y, moved] = [0, 0, false];
  const down = (event) => ([x, y, moved] = [event.clientX, event.clientY, false]);
  const move = (event) => (moved ||= Math.hypot(event.clientX - x, event.clientY - y) > 4);
  const click = (event) => {
    event.stopPropagation();
    if (!moved) call();
  };
  const listeners = { mousedown: down, mousemove: move, click };
  for (const [name, listener] of Object.entries(listeners)) around.addEventListener(name, listener, true);
  return () => {
    for (const [name, listener] of Object.entries(listeners)) around.removeEventListener(name, listener, true);
  };
}

/** Whether the page is dark, as JupyterLab, Colab or VS Code say it. */
function isDark() {
  const { body, documentElement: root } = document;
  if (body.dataset.jpThemeLight) return body.dataset.jpThemeLight === "false";
  return root.getAttribute("theme") === "dark" || body.classList.contains("vscode-dark");
}

function element(kind, attributes, parent) {
  const made = document.createElementNS(SVG, kind);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  parent?.append(made);
  return made;
}

function over({ model, api, canvas }) {
  const sheet = element("svg", { class: "clipnb-marks" });
  const name = document.createElement("div");
  name.className = "clipnb-pointed-name";
  name.dir = "auto";
  canvas.parentElement.append(sheet, name);
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", model.get("description"));

  let marks = []; // [row, element]
  function make() {
    const [ink, page] = [model.get("ink"), model.get("page")];
    Object.assign(name.style, { color: ink, background: page });
    sheet.replaceChildren();
    const marked = (row, kind) => {
      const group = element("g", { class: kind, "data-row": row }, sheet);
      marks.push([row, group]);
      return group;
    };
    const ring = (row, kind, colour, radius, width) => {
      const group = marked(row, kind);
      element("circle", { r: radius, fill: "none", stroke: page, "stroke-width": width + 2 }, group);
      element("circle", { r: radius, fill: "none", stroke: colour, "stroke-width": width }, group);
    };
    marks = [];
    for (const row of model.get("rings")) ring(row, "clipnb-ring", MARK, 8, 2.5);
    model.get("stars").forEach((row, i) => {
      const group = marked(row, "clipnb-star");
      element("path", { d: STAR, fill: MARK, stroke: page, "stroke-width": 1.5, "paint-order": "stroke" }, group);
      const words = element("text", { x: 11, y: 4, fill: ink, stroke: page, "stroke-width": 3, "paint-order": "stroke" }, group);
      words.textContent = model.get("names")[i] ?? "";
    });
    const [at, shown] = [model.get("at"), model.get("shown")];
    if (shown >= 0) ring(shown, "clipnb-shown", ink, 11, 2);
    if (at >= 0 && at !== shown) ring(at, "clipnb-at", ink, 6, 1.5);
    place();
  }

  function position(row) {
    try {
      return api.getScreenPosition(row);
    } catch {
      return undefined; // between two drawings there is none
    }
  }

  function place() {
    const { clientWidth: width, clientHeight: height } = canvas;
    for (const [row, mark] of marks) {
      const at = position(row);
      const inside = at && at[0] > -20 && at[0] < width + 20 && at[1] > -20 && at[1] < height + 20;
      mark.style.display = inside ? "" : "none";
      if (inside) mark.setAttribute("transform", `translate(${at[0].toFixed(1)} ${at[1].toFixed(1)})`);
    }
    const at = model.get("at") >= 0 && model.get("label") ? position(model.get("at")) : undefined;
    name.hidden = !at || at[0] < 0 || at[0] > width || at[1] < 0 || at[1] > height;
    if (name.hidden) return;
    name.textContent = model.get("label");
    // To the side with more room, so that it stays on the map.
    const left = at[0] < width / 2;
    name.style.left = left ? `${at[0] + 14}px` : "auto";
    name.style.right = left ? "auto" : `${width - at[0] + 14}px`;
    name.style.top = `${Math.max(2, at[1] - 12)}px`;
  }

  const traits = ["rings", "stars", "names", "at", "shown", "ink", "page"];
  for (const trait of traits) model.on(`change:${trait}`, make);
  model.on("change:label", place);
  const events = ["view", "draw"];
  for (const event of events) api.subscribe(event, place);
  const around = canvas.parentElement;
  const seen = new ResizeObserver(() => {
    const { clientWidth: width, clientHeight: height } = around;
    // jupyter-scatter gives its canvas another height only where it has axes.
    if (height && !document.fullscreenElement && api.get("height") !== height) api.set({ height });
    model.set("wide", width);
    model.save_changes();
    place();
  });
  seen.observe(around);
  const tell = () => {
    model.set("dark", isDark());
    model.save_changes();
  };
  const theme = new MutationObserver(tell);
  for (const node of [document.body, document.documentElement]) {
    theme.observe(node, { attributes: true, attributeFilter: ["data-jp-theme-light", "theme", "class"] });
  }
  tell();
  const noClicks = clicks(around, () => model.send({ kind: "click" }));
  const giveBack = takeTurns(api, () => {
    place();
    model.send({ kind: "drawn" });
  });
  make();
  return () => {
    for (const trait of traits) model.off(`change:${trait}`, make);
    model.off("change:label", place);
    for (const event of events) api.unsubscribe(event, place);
    seen.disconnect();
    theme.disconnect();
    noClicks();
    giveBack();
    sheet.remove();
    name.remove();
  };
}

function render({ model, el }) {
  el.style.display = "none";
  let gone = false;
  let stop = () => {};
  (async () => {
    let found = null;
    while (!gone && !(found = scatterBeside(el))) await soon(50);
    if (!gone) stop = over({ model, ...found });
  })();
  return () => {
    gone = true;
    stop();
  };
}

export default { render };
