// plotly measures its place once and then waits for the window to change; here the place itself is watched.

export default {
  render({ model, el }) {
    el.style.display = "none";
    let width = 0;
    let timer;
    const fit = (place) => {
      const plot = place.querySelector(".js-plotly-plot");
      if (!plot) return false;
      const height = Math.min(model.get("height"), Math.max(model.get("least"), width * model.get("ratio")));
      plot.style.height = `${Math.round(height)}px`;
      window.dispatchEvent(new Event("resize"));
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
      soon(entry.target, 50);
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
