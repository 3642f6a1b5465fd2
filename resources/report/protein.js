"use strict";
// Turns the structure, paints each residue with its number and tells it when pointed at. Without WebGL a text stays.
{
  const view = document.getElementById("view");
  const data = JSON.parse(document.getElementById("structure").textContent);
  const said = document.getElementById("said");
  const white = [245, 243, 239], grey = "#b8bec8";
  const harmful = [213, 94, 0], helpful = [0, 114, 178];

  function webgl() {
    try {
      const canvas = document.createElement("canvas");
      return Boolean(canvas.getContext("webgl2") || canvas.getContext("webgl"));
    } catch {
      return false;
    }
  }

  // A residue's colour: white for none, orange the more its substitutions harm, blue the more they help.
  function colour(percent) {
    if (percent === null || percent === undefined) return grey;
    const share = Math.min(1, Math.abs(percent) / 100) ** 0.8, end = percent > 0 ? harmful : helpful;
    return "#" + white.map((part, at) => Math.round(part + (end[at] - part) * share).toString(16).padStart(2, "0")).join("");
  }

  const known = new Map(data.residues.map((row) => [`${row.chain}:${row.number}`, row]));
  const residueOf = (atom) => known.get(`${atom.chain}:${atom.resi}${(atom.icode || "").trim()}`);
  const colourOf = (atom) => colour(residueOf(atom)?.percent);

  function told(atom) {
    const row = residueOf(atom);
    if (!row) return `${atom.resn} ${atom.chain}:${atom.resi}, not compared`;
    if (row.value === null) return `${row.letter} ${row.chain}:${row.number}, without a number`;
    return `${row.letter}${row.position} (${row.chain}:${row.number}): mean drop of the logit ${row.value.toFixed(3)}`;
  }

  function start() {
    const dark = window.matchMedia("(prefers-color-scheme: dark)");
    const paper = () => (dark.matches ? "#14181e" : "#ffffff");
    const viewer = $3Dmol.createViewer(view, { backgroundColor: paper(), antialias: true, disableFog: true });
    dark.addEventListener("change", () => { viewer.setBackgroundColor(paper()); viewer.render(); });
    viewer.addModel(data.text, data.kind);
    const styles = {
      cartoon: { cartoon: { colorfunc: colourOf, thickness: 0.5 } },
      sticks: { stick: { colorfunc: colourOf, radius: 0.2 } },
      spheres: { sphere: { colorfunc: colourOf } },
    };
    const chosen = { chain: data.chain };
    function draw(name) {
      viewer.setStyle({}, { line: { color: grey } });
      viewer.setStyle({ not: chosen, hetflag: false }, { cartoon: { color: grey, opacity: 0.35 } });
      viewer.setStyle({ ...chosen, hetflag: false }, styles[name]);
      // A backbone of C-alpha atoms alone has no cartoon: it is drawn as a tube of spheres.
      if (name === "cartoon" && !data.cartoon) viewer.setStyle(chosen, { sphere: { colorfunc: colourOf, radius: 1.2 } });
      viewer.render();
    }
    viewer.setHoverable(chosen, true, (atom) => { said.textContent = told(atom); }, () => { said.textContent = ""; });
    viewer.setClickable(chosen, true, (atom) => { said.textContent = told(atom); });
    for (const button of document.querySelectorAll("button[data-style]")) {
      button.addEventListener("click", () => {
        for (const other of document.querySelectorAll("button[data-style]")) {
          other.setAttribute("aria-pressed", String(other === button));
        }
        draw(button.dataset.style);
      });
    }
    document.getElementById("whole").addEventListener("click", () => { viewer.zoomTo(chosen); viewer.render(); });
    let turning = false;
    document.getElementById("turn").addEventListener("click", (event) => {
      turning = !turning;
      viewer.spin(turning ? "y" : false);
      event.currentTarget.setAttribute("aria-pressed", String(turning));
    });
    view.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [-10, "y"], ArrowRight: [10, "y"], ArrowUp: [-10, "x"], ArrowDown: [10, "x"] };
      if (moves[event.key]) {
        event.preventDefault();
        viewer.rotate(...moves[event.key]);
        viewer.render();
      }
    });
    viewer.setHoverDuration(60);
    draw("cartoon");
    viewer.zoomTo(chosen);
    viewer.render();
    document.getElementById("controls").hidden = false;
    document.getElementById("fallback").hidden = true;
    view.dataset.drawn = "true";
  }

  if (webgl() && window.$3Dmol) {
    view.hidden = false;
    try {
      start();
    } catch (error) {
      view.hidden = true;
      document.getElementById("fallback").hidden = false;
      document.getElementById("why").textContent = `The viewer failed: ${error.message}`;
    }
  }
}
