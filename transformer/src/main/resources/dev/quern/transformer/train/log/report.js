"use strict";
// Shows the values under the pointer. Everything is readable without it.
for (const plot of document.querySelectorAll(".plot")) {
  const data = JSON.parse(plot.querySelector("script").textContent);
  const cursor = Object.assign(document.createElement("div"), { className: "cursor", hidden: true });
  const readout = Object.assign(document.createElement("div"), { className: "readout", hidden: true });
  plot.append(cursor, readout);

  const nearest = (steps, wanted) => {
    let low = 0, high = steps.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (steps[middle] <= wanted) low = middle; else high = middle;
    }
    return wanted - steps[low] <= steps[high] - wanted ? low : high;
  };
  const line = (text, style) =>
    readout.append(Object.assign(document.createElement("span"), { textContent: text, className: style }));

  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    const wanted = data.from + share * (data.to - data.from);
    cursor.hidden = readout.hidden = false;
    cursor.style.left = 100 * share + "%";
    readout.style.left = share < 0.5 ? 100 * share + 2 + "%" : "auto";
    readout.style.right = share < 0.5 ? "auto" : 100 * (1 - share) + 2 + "%";
    readout.replaceChildren();
    line("step " + Math.round(wanted), "");
    for (const series of data.series) {
      const i = nearest(series.x, wanted);
      const at = data.series.length > 1 ? " (step " + series.x[i] + ")" : "";
      line(series.name + " " + series.y[i] + at, series.style);
    }
  });
  plot.addEventListener("pointerleave", () => { cursor.hidden = readout.hidden = true; });
}
