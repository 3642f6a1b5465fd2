"use strict";
(() => {
  const find = (id) => document.getElementById(id);
  const view = JSON.parse(find("data").textContent);
  const svg = find("lines");
  const WIDTH = 640, ROW = 22, TOP = 14, LEFT = 190, RIGHT = 450, SHARE = 74;
  const FAINT = 0.04; // lighter lines are left out while no token is chosen: they would only be fog
  const levels = new Map([...view.letters].map((letter, at) => [letter, (at / (view.letters.length - 1)) ** 2]));
  const state = { text: 0, layer: view.layers - 1, heads: new Set(), special: true, picked: null };
  for (let head = 0; head < view.heads; head++) state.heads.add(head);
  const unpacked = new Map();

  const hue = (head) => Math.round((360 * head) / view.heads);
  const percent = (weight) => `${Math.round(100 * weight)} %`;

  function weights(layer, head) {
    const key = `${state.text}/${layer}/${head}`;
    if (!unpacked.has(key)) {
      unpacked.set(key, Float32Array.from(view.texts[state.text].weights[layer][head], (letter) => levels.get(letter)));
    }
    return unpacked.get(key);
  }

  function make(name, attributes, parent, text) {
    const element = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  }

  // Mean over the chosen heads: [from][to].
  function meanWeights(n) {
    const mean = new Float32Array(n * n);
    for (const head of state.heads) weights(state.layer, head).forEach((weight, at) => { mean[at] += weight / state.heads.size; });
    return mean;
  }

  // The shares beside the tokens of one side: where the chosen token looks, who looks at it, or how much each gets.
  function shares(side, mean, n) {
    const picked = state.picked;
    if (picked && picked.side === side) return null;
    if (!picked && side === "from") return null;
    return Array.from({ length: n }, (_, at) => {
      if (picked) return side === "to" ? mean[picked.at * n + at] : mean[at * n + picked.at];
      let sum = 0;
      for (let from = 0; from < n; from++) sum += mean[from * n + at];
      return sum / n;
    });
  }

  function drawLines(group, tokens, special) {
    const n = tokens.length, picked = state.picked;
    for (const head of state.heads) {
      const own = weights(state.layer, head);
      const lines = make("g", { stroke: `hsl(${hue(head)} 70% var(--light))` }, group);
      for (let at = 0; at < n * n; at++) {
        const from = Math.floor(at / n), to = at % n;
        if (own[at] < (picked ? 0.005 : FAINT)) continue;
        if (picked && picked.at !== (picked.side === "from" ? from : to)) continue;
        if (!state.special && (special[from] || special[to])) continue;
        const ends = { x1: LEFT + 6, y1: TOP + ROW * from, x2: RIGHT - 6, y2: TOP + ROW * to };
        make("line", { ...ends, "stroke-opacity": (picked ? Math.sqrt(own[at]) : own[at]).toFixed(3) }, lines);
      }
    }
  }

  function drawShares(group, side, values) {
    if (!values) return;
    values.forEach((value, at) => {
      const edge = side === "from" ? SHARE - 34 : WIDTH - SHARE + 34, y = TOP + ROW * at, long = 60 * value;
      if (value < 0.005) return;
      make("rect", { class: "bar", x: side === "from" ? edge - 34 : edge - 26, y: y - 7, width: Math.min(60, long), height: 14 }, group);
      make("text", { class: `percent${side === "from" ? "" : " end"}`, x: side === "from" ? 4 : WIDTH - 4, y }, group, percent(value));
    });
  }

  function describe(tokens, mean) {
    const picked = state.picked, n = tokens.length;
    if (!state.heads.size) return "No head is chosen.";
    const heads = `layer ${state.layer + 1}, ${state.heads.size === 1 ? `head ${[...state.heads][0] + 1}` : `${state.heads.size} heads`}`;
    if (!picked) return `All tokens, ${heads}. Point at a token, or move with the arrow keys, to see its own lines.`;
    const weight = (other) => (picked.side === "from" ? mean[picked.at * n + other] : mean[other * n + picked.at]);
    const most = tokens.map((_, other) => other).sort((a, b) => weight(b) - weight(a)).slice(0, 3);
    const list = most.map((other) => `${tokens[other]} ${percent(weight(other))}`).join(", ");
    return `${tokens[picked.at]} ${picked.side === "from" ? "looks at" : "is looked at by"} ${list} (${heads}).`;
  }

  // Lines and shares change with every choice; tokens stay, so that the keyboard keeps its place.
  function drawWeights() {
    const text = view.texts[state.text], n = text.tokens.length, mean = meanWeights(n);
    svg.querySelectorAll(".drawn").forEach((part) => part.remove());
    const group = make("g", { class: "drawn", "aria-hidden": "true" }, svg);
    svg.prepend(group);
    drawLines(group, text.tokens, text.special);
    for (const side of ["from", "to"]) drawShares(group, side, shares(side, mean, n));
    svg.querySelectorAll(".token").forEach((token) => {
      const own = state.picked && token.dataset.side === state.picked.side && Number(token.dataset.at) === state.picked.at;
      token.classList.toggle("picked", Boolean(own));
    });
    find("said").textContent = describe(text.tokens, mean);
    document.querySelectorAll("#thumbnails button").forEach((button) => {
      const on = Number(button.dataset.layer) === state.layer && state.heads.has(Number(button.dataset.head));
      button.setAttribute("aria-pressed", String(on));
    });
  }

  function pick(side, at) {
    const same = state.picked && state.picked.side === side && state.picked.at === at;
    if (same) return;
    state.picked = side === null ? null : { side, at };
    drawWeights();
  }

  // One token at a time can be reached with Tab; arrow keys go on from it.
  function moveTo(side, at) {
    const next = svg.querySelector(`.token[data-side="${side}"][data-at="${at}"]`);
    if (!next) return;
    svg.querySelectorAll(".token").forEach((token) => token.setAttribute("tabindex", token === next ? "0" : "-1"));
    next.focus();
  }

  function drawText() {
    const text = view.texts[state.text], n = text.tokens.length;
    state.picked = null;
    svg.replaceChildren();
    svg.setAttribute("viewBox", `0 0 ${WIDTH} ${ROW * n + 8}`);
    for (const side of ["from", "to"]) {
      text.tokens.forEach((name, at) => {
        const y = TOP + ROW * at, left = side === "from", label = left ? `${name}, looks` : `${name}, looked at`;
        const token = make("g", { class: "token", role: "button", "aria-label": label, "data-side": side, "data-at": at, tabindex: left && at === 0 ? 0 : -1 }, svg);
        make("rect", { x: left ? 46 : RIGHT, y: y - ROW / 2 + 1, width: LEFT - 46, height: ROW - 2, rx: 3 }, token);
        make("text", { class: left ? "end" : "start", x: left ? LEFT - 4 : RIGHT + 4, y }, token, name.length > 20 ? `${name.slice(0, 19)}…` : name);
        token.addEventListener("pointerenter", () => pick(side, at));
        token.addEventListener("focus", () => pick(side, at));
        token.addEventListener("keydown", (event) => {
          const steps = { ArrowUp: [side, at - 1], ArrowDown: [side, at + 1], ArrowLeft: ["from", at], ArrowRight: ["to", at], Home: [side, 0], End: [side, n - 1] };
          if (event.key === "Escape") pick(null);
          if (!(event.key in steps)) return;
          event.preventDefault();
          moveTo(...steps[event.key]);
        });
      });
    }
    const cut = text.length > n ? ` The first ${n} of ${text.length} tokens are shown; weights on the others are left out.` : "";
    const outcome = text.right ? "right" : `wrong, it is ${text.true || "none of them"}`;
    find("told").textContent = `Predicted: ${text.predicted} with ${(100 * text.probability).toFixed(1)} %, ${outcome}.${cut}`;
    drawThumbnails();
    drawWeights();
  }

  function drawThumbnails() {
    const n = view.texts[state.text].tokens.length, colour = getComputedStyle(document.documentElement).getPropertyValue("--ink");
    document.querySelectorAll("#thumbnails button").forEach((button) => {
      const canvas = button.firstChild, own = weights(Number(button.dataset.layer), Number(button.dataset.head));
      canvas.width = canvas.height = n;
      const brush = canvas.getContext("2d");
      brush.fillStyle = colour;
      own.forEach((weight, at) => {
        if (weight < 0.01) return;
        brush.globalAlpha = Math.sqrt(weight);
        brush.fillRect(at % n, Math.floor(at / n), 1, 1);
      });
    });
  }

  function choose(layer, heads) {
    state.layer = layer;
    state.heads = new Set(heads);
    document.querySelectorAll("input[name=layer]").forEach((box) => { box.checked = Number(box.value) === layer; });
    document.querySelectorAll("input[name=head]").forEach((box) => { box.checked = state.heads.has(Number(box.value)); });
    drawWeights();
  }

  function makeThumbnails() {
    const grid = find("thumbnails");
    for (let at = 0; at < view.layers * view.heads; at++) {
      const layer = Math.floor(at / view.heads), head = at % view.heads, button = document.createElement("button");
      button.type = "button";
      button.tabIndex = at ? -1 : 0;
      button.title = `Layer ${layer + 1}, head ${head + 1}`;
      button.setAttribute("aria-label", button.title);
      button.style.setProperty("--hue", hue(head));
      Object.assign(button.dataset, { layer, head });
      button.append(document.createElement("canvas"));
      button.addEventListener("click", () => choose(layer, [head]));
      button.addEventListener("keydown", (event) => {
        const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -view.heads, ArrowDown: view.heads }[event.key];
        const next = step && grid.children[at + step];
        if (!next) return;
        event.preventDefault();
        for (const other of grid.children) other.tabIndex = other === next ? 0 : -1;
        next.focus();
      });
      grid.append(button);
    }
  }

  if (!view.texts.length) {
    find("said").textContent = "No text was explained.";
    return;
  }
  const every = () => Array.from({ length: view.heads }, (_, head) => head);
  find("choices").addEventListener("submit", (event) => event.preventDefault());
  find("text").addEventListener("change", (event) => { state.text = Number(event.target.value); drawText(); });
  find("layers").addEventListener("change", (event) => choose(Number(event.target.value), state.heads));
  find("heads").addEventListener("change", () => choose(state.layer, every().filter((head) => document.querySelector(`input[name=head][value="${head}"]`).checked)));
  find("all").addEventListener("click", () => choose(state.layer, every()));
  find("none").addEventListener("click", () => choose(state.layer, []));
  find("special").addEventListener("change", (event) => { state.special = event.target.checked; drawWeights(); });
  svg.addEventListener("pointerleave", () => { if (!svg.contains(document.activeElement)) pick(null); });
  svg.addEventListener("focusout", (event) => { if (!svg.contains(event.relatedTarget)) pick(null); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawThumbnails);
  find("choices").hidden = false;
  document.querySelector(".grid").hidden = false;
  // A browser may have kept the choices of an earlier visit.
  find("choices").reset();
  makeThumbnails();
  drawText();
  document.documentElement.dataset.ready = "yes";
})();
