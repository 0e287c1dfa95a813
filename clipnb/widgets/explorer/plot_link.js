// Beside a plotly figure: keeps it as wide as its place, and sends what the reader does with its points.
//
// plotly measures its place once and then waits for the window to change. And it keeps the reader's deeds in one value
// of the model, where a hover takes the place of a lasso that the busy kernel has not yet seen; messages queue.

const REST = 40; // milliseconds that the pointer stays on a point before the kernel is asked

function listen(plot, model) {
  let resting;
  const tell = (what, points) => {
    const traces = Uint32Array.from(points, (point) => point.curveNumber);
    const inside = Uint32Array.from(points, (point) => point.pointNumber);
    model.send({ kind: what }, undefined, [traces.buffer, inside.buffer]);
  };
  plot.on("plotly_hover", (event) => {
    clearTimeout(resting);
    resting = setTimeout(() => tell("point", event.points.slice(0, 1)), REST);
  });
  plot.on("plotly_unhover", () => clearTimeout(resting));
  plot.on("plotly_click", (event) => {
    clearTimeout(resting);
    tell("click", event.points.slice(0, 1));
  });
  plot.on("plotly_selected", (event) => event && tell("select", event.points));
  plot.on("plotly_deselect", () => tell("select", []));
}

export default {
  render({ model, el }) {
    el.style.display = "none";
    let width = 0;
    let heard;
    let timer;
    const fit = (place) => {
      const plot = place.querySelector(".js-plotly-plot");
      if (!plot?.on || !plot._fullLayout) return false;
      if (heard !== plot) listen((heard = plot), model);
      if (model.get("fit")) {
        const height = Math.min(model.get("height"), Math.max(model.get("least"), width * model.get("ratio")));
        plot.style.height = `${Math.round(height)}px`;
        window.dispatchEvent(new Event("resize"));
      }
      return true;
    };
    // The figure may come later than this widget, and both later than the page.
    const soon = (place, left) => {
      clearTimeout(timer);
      timer = setTimeout(() => fit(place) || (left && soon(place, left - 1)), 60);
    };
    const watch = new ResizeObserver(([entry]) => {
      const now = Math.round(entry.contentRect.width);
      if (!now || now === width) return;
      width = now;
      soon(entry.target, 200);
    });
    const start = (left) => {
      const place = el.closest(".clipnb-map");
      if (place) watch.observe(place);
      else if (left) setTimeout(start, 50, left - 1);
    };
    start(100);
    return () => {
      clearTimeout(timer);
      watch.disconnect();
    };
  },
};
