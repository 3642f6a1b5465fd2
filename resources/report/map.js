"use strict";
// Two maps of the same examples. Classes are switched in the legend; the example that is pointed at is told, and is
// marked in both maps.
(() => {
  const find = (id) => document.getElementById(id);
  const data = JSON.parse(find("data").textContent);
  const { classes, ids, truth, views, grid } = data;
  const SIDES = ["left", "right"];
  const EDGE = 0.04; // of a side, left free around the points
  const REACH = 14; // pixels of the screen within which a point is pointed at
  // Paths around 0, of about equal area.
  const SHAPES = {
    circle: "M 0.9 0 A 0.9 0.9 0 1 1 -0.9 0 A 0.9 0.9 0 1 1 0.9 0 Z",
    triangle: "M 0 -1.15 L 1.1 0.85 L -1.1 0.85 Z",
    square: "M -0.8 -0.8 H 0.8 V 0.8 H -0.8 Z",
    diamond: "M 0 -1.15 L 1.15 0 L 0 1.15 L -1.15 0 Z",
    down: "M 0 1.15 L 1.1 -0.85 L -1.1 -0.85 Z",
    plus: "M -0.4 -1.1 H 0.4 V -0.4 H 1.1 V 0.4 H 0.4 V 1.1 H -0.4 V 0.4 H -1.1 V -0.4 H -0.4 Z",
    cross: "M -1.05 -0.5 L -0.5 -1.05 L 0 -0.55 L 0.5 -1.05 L 1.05 -0.5 L 0.55 0 L 1.05 0.5 L 0.5 1.05 L 0 0.55 L -0.5 1.05 L -1.05 0.5 L -0.55 0 Z",
  };
  const paths = classes.map((each) => new Path2D(SHAPES[each.shape]));
  const state = { on: classes.map(() => true), shown: "all", picked: null };
  // Points of all classes are drawn in turn, or the last class would hide the others: a fixed shuffle.
  const order = ids.map((_, at) => at);
  let draw = 12345;
  for (let at = order.length - 1; at > 0; at -= 1) {
    draw = (Math.imul(draw, 1664525) + 1013904223) >>> 0;
    const other = Math.floor((draw / 4294967296) * (at + 1));
    [order[at], order[other]] = [order[other], order[at]];
  }

  const viewOf = (side) => views[Number(find(`view-${side}`).value)];
  const isRight = (view, at) => view.predicted[at] === truth[at];
  const visible = (view, at) => state.on[truth[at]] && (state.shown === "all" || isRight(view, at) === (state.shown === "right"));
  const spot = (view, at, size) => [
    size * (EDGE + (1 - 2 * EDGE) * (view.x[at] / grid)),
    size * (EDGE + (1 - 2 * EDGE) * (view.y[at] / grid)),
  ];
  // Variables of the page in its present theme.
  const colour = (name) => {
    const match = /^var\((.+)\)$/.exec(name);
    return match ? getComputedStyle(document.documentElement).getPropertyValue(match[1]).trim() : name;
  };

  const paint = (side) => {
    const canvas = find(`map-${side}`), view = viewOf(side);
    const width = canvas.clientWidth, dense = window.devicePixelRatio || 1;
    if (!width) return;
    canvas.width = canvas.height = Math.round(width * dense);
    const pen = canvas.getContext("2d");
    const radius = Math.max(1.6, Math.min(4.5, width / 6.5 / Math.sqrt(ids.length)));
    const colours = classes.map((each) => colour(each.colour));
    const mark = (at, scale, line) => {
      const [x, y] = spot(view, at, width);
      pen.setTransform(dense * radius * scale, 0, 0, dense * radius * scale, dense * x, dense * y);
      pen.fillStyle = colours[truth[at]];
      pen.fill(paths[truth[at]]);
      if (line) {
        pen.lineWidth = 1.6 / (radius * scale);
        pen.strokeStyle = line;
        pen.stroke(paths[truth[at]]);
      }
    };
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.globalAlpha = 0.72;
    let number = 0;
    for (const at of order) {
      if (!visible(view, at)) continue;
      mark(at, 1);
      number += 1;
    }
    pen.globalAlpha = 1;
    if (state.picked !== null) {
      const [x, y] = spot(view, state.picked, width);
      pen.setTransform(dense, 0, 0, dense, 0, 0);
      pen.strokeStyle = colour("var(--ink)");
      pen.lineWidth = 1.5;
      pen.beginPath();
      pen.arc(x, y, 3.2 * radius + 3, 0, 2 * Math.PI);
      pen.stroke();
      mark(state.picked, 1.7, colour("var(--paper)"));
    }
    find(`count-${side}`).textContent = `${number.toLocaleString("en")} of ${ids.length.toLocaleString("en")}`;
  };
  const paintAll = () => SIDES.forEach(paint);

  const tell = () => {
    const at = state.picked;
    if (at === null) {
      find("said").textContent = "Point at a mark, or give a map the focus and use the arrow keys.";
      return;
    }
    const told = [...new Set(SIDES.map(viewOf))].map((view) => {
      const what = `${classes[view.predicted[at]].name} ${view.percent[at]} %`;
      return `${view.title} says ${what}${isRight(view, at) ? "" : " (wrong)"}`;
    });
    find("said").textContent = `${ids[at]}: ${classes[truth[at]].name}; ${told.join("; ")}`;
  };
  const pick = (at) => {
    if (at === state.picked) return;
    state.picked = at;
    paintAll();
    tell();
  };

  const nearest = (side, x, y, reach, fits = () => true) => {
    const view = viewOf(side), width = find(`map-${side}`).clientWidth;
    let best = null, least = reach * reach;
    for (let at = 0; at < ids.length; at += 1) {
      if (!visible(view, at)) continue;
      const [px, py] = spot(view, at, width);
      const apart = fits(px - x, py - y) ? (px - x) ** 2 + (py - y) ** 2 : Infinity;
      if (apart < least) [best, least] = [at, apart];
    }
    return best;
  };
  const DIRECTIONS = {
    ArrowLeft: (dx, dy) => dx < 0 && Math.abs(dy) <= -dx,
    ArrowRight: (dx, dy) => dx > 0 && Math.abs(dy) <= dx,
    ArrowUp: (dx, dy) => dy < 0 && Math.abs(dx) <= -dy,
    ArrowDown: (dx, dy) => dy > 0 && Math.abs(dx) <= dy,
  };
  const step = (side, key) => {
    const view = viewOf(side), width = find(`map-${side}`).clientWidth;
    if (state.picked === null || !visible(view, state.picked)) return pick(nearest(side, width / 2, width / 2, Infinity));
    const [x, y] = spot(view, state.picked, width);
    const next = nearest(side, x, y, Infinity, DIRECTIONS[key]);
    return next === null ? undefined : pick(next);
  };

  if (!ids.length) {
    find("said").textContent = "Nothing was mapped.";
    return;
  }
  find("choices").addEventListener("submit", (event) => event.preventDefault());
  const press = () => {
    for (const button of document.querySelectorAll("#classes .class")) button.setAttribute("aria-pressed", String(state.on[Number(button.dataset.class)]));
    paintAll();
  };
  document.querySelectorAll("#classes .class").forEach((button) => {
    const at = Number(button.dataset.class);
    button.querySelector("path").setAttribute("d", SHAPES[classes[at].shape]);
    button.addEventListener("click", () => { state.on[at] = !state.on[at]; press(); });
  });
  find("all").addEventListener("click", () => { state.on.fill(true); press(); });
  find("none").addEventListener("click", () => { state.on.fill(false); press(); });
  find("shown").addEventListener("change", (event) => { state.shown = event.target.value; paintAll(); });
  for (const side of SIDES) {
    const canvas = find(`map-${side}`);
    find(`view-${side}`).addEventListener("change", () => { paint(side); tell(); });
    const point = (event) => {
      const box = canvas.getBoundingClientRect();
      pick(nearest(side, event.clientX - box.left, event.clientY - box.top, REACH));
    };
    canvas.addEventListener("pointermove", point);
    canvas.addEventListener("pointerdown", point);
    canvas.addEventListener("pointerleave", () => { if (document.activeElement !== canvas) pick(null); });
    canvas.addEventListener("keydown", (event) => {
      if (event.key === "Escape") pick(null);
      else if (event.key in DIRECTIONS) { event.preventDefault(); step(side, event.key); }
    });
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintAll);
  new ResizeObserver(paintAll).observe(document.querySelector(".maps"));
  find("choices").hidden = false;
  document.querySelector(".maps").hidden = false;
  // A browser may have kept the choices of an earlier visit.
  find("choices").reset();
  press();
  tell();
  document.documentElement.dataset.ready = "yes";
})();
