"use strict";
// Pointing at a mention tells what was found there; the legend shows and hides categories; a link, chosen in the list or
// at the badge of a member, outlines its members and draws arcs between them.
(() => {
  const find = (id) => document.getElementById(id);
  const { entities, links } = JSON.parse(find("data").textContent);
  const pieces = [...document.querySelectorAll(".m")].map((node) => ({ node, own: node.dataset.e.split(" ").map(Number) }));
  const badges = [...document.querySelectorAll(".badge")].map((node) => ({ node, own: Number(node.dataset.e) }));
  const switches = [...document.querySelectorAll(".legend [data-category]")];
  const choices = [...document.querySelectorAll(".links button")];
  const tip = find("tip"), arcs = find("arcs"), text = document.querySelector(".text");
  const off = new Set();
  let chosen = [];

  const isShown = (at) => !off.has(entities[at].category);
  const lines = (at) => {
    const { name, words, rows } = entities[at];
    const box = document.createElement("div");
    box.appendChild(document.createElement("strong")).textContent = words;
    for (const [key, value] of [["", name], ...rows]) {
      const row = box.appendChild(document.createElement("span"));
      if (key) row.appendChild(document.createElement("i")).textContent = `${key}: `;
      row.append(value);
    }
    return box;
  };
  const hide = () => { tip.hidden = true; };
  const show = (node, own) => {
    const told = own.filter(isShown);
    if (!told.length) return hide();
    tip.replaceChildren(...told.map(lines));
    tip.hidden = false;
    const boxes = [...node.getClientRects()], size = tip.getBoundingClientRect();
    const below = boxes.at(-1).bottom + 8;
    tip.style.top = `${below + size.height < window.innerHeight ? below : Math.max(4, boxes[0].top - size.height - 8)}px`;
    tip.style.left = `${Math.max(4, Math.min(boxes[0].left, window.innerWidth - size.width - 8))}px`;
  };

  const members = () => new Set(chosen.flatMap((number) => links[number].members).filter(isShown));
  // An arc runs over the text from the middle of one member's first piece to that of the next.
  const draw = () => {
    const from = text.getBoundingClientRect();
    const spot = (at) => {
      const box = pieces.find((piece) => piece.own.includes(at)).node.getClientRects()[0];
      return [box.left + box.width / 2 - from.left, box.top - from.top];
    };
    const paths = chosen.flatMap((number) => {
      const spots = links[number].members.filter(isShown).map(spot).sort(([ax, ay], [bx, by]) => ay - by || ax - bx);
      return spots.slice(1).map(([x, y], at) => {
        const [left, top] = spots[at];
        const rise = Math.min(60, 14 + Math.hypot(x - left, y - top) / 6);
        const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
        path.setAttribute("d", `M ${left} ${top} C ${left} ${top - rise} ${x} ${y - rise} ${x} ${y}`);
        return path;
      });
    });
    arcs.replaceChildren(...paths);
  };
  const paint = () => {
    const among = members();
    for (const { node, own } of pieces) {
      const on = own.filter(isShown);
      const layers = new Set(on.map((at) => (entities[at].id.startsWith("G") ? "concept" : "entity")));
      for (const layer of ["entity", "concept"]) node.classList.toggle(layer, layers.has(layer));
      node.classList.toggle("chosen", on.some((at) => among.has(at)));
    }
    for (const { node, own } of badges) {
      node.hidden = !isShown(own);
      node.classList.toggle("chosen", among.has(own));
      if (node.hasAttribute("aria-pressed")) node.setAttribute("aria-pressed", String(among.has(own)));
    }
    choices.forEach((node, number) => node.setAttribute("aria-pressed", String(chosen.includes(number))));
    find("said").textContent = chosen.map((number) => `Link ${number + 1}: ${links[number].words.join(", ")}`).join("; ");
    draw();
  };
  const choose = (numbers) => {
    chosen = numbers.length === chosen.length && numbers.every((number) => chosen.includes(number)) ? [] : numbers;
    paint();
  };

  for (const { node, own } of [...pieces, ...badges.map(({ node, own }) => ({ node, own: [own] }))]) {
    for (const event of ["pointerenter", "focus", "click"]) node.addEventListener(event, () => show(node, own));
    for (const event of ["pointerleave", "blur"]) node.addEventListener(event, hide);
  }
  for (const { node, own } of badges) {
    if (entities[own].links.length) node.addEventListener("click", () => choose(entities[own].links));
    node.addEventListener("keydown", (event) => {
      if (node.tagName === "A" || !["Enter", " "].includes(event.key)) return;
      event.preventDefault();
      node.click();
    });
  }
  choices.forEach((node, number) => node.addEventListener("click", () => {
    choose([number]);
    const first = chosen.length && pieces.find((piece) => piece.node.classList.contains("chosen"));
    if (first) first.node.scrollIntoView({ block: "center" });
  }));
  for (const node of switches) {
    node.addEventListener("click", () => {
      const category = Number(node.dataset.category);
      if (!off.delete(category)) off.add(category);
      node.setAttribute("aria-pressed", String(!off.has(category)));
      paint();
    });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (tip.hidden && chosen.length) choose(chosen);
    hide();
  });
  document.addEventListener("scroll", hide, { passive: true });
  new ResizeObserver(draw).observe(text);
  document.documentElement.dataset.ready = "yes";
})();
