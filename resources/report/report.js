"use strict";
// Sort a table by the column whose heading is pressed: first press the large numbers first (or A to Z), then the
// other way round. Empty cells stay at the end.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
    const key = (row) => row.cells[column]?.dataset.value ?? "";
    const rows = [...body.rows];
    const filled = (row) => key(row) !== "" && key(row) !== "nan";
    const numbers = rows.filter(filled).every((row) => Number.isFinite(Number(key(row))));
    const before = heading.getAttribute("aria-sort");
    const descending = before ? before === "ascending" : numbers;
    const order = (a, b) => numbers ? Number(key(a)) - Number(key(b)) : key(a).localeCompare(key(b));
    rows.sort((a, b) => filled(b) - filled(a) || (filled(a) ? (descending ? order(b, a) : order(a, b)) : 0));
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
    body.append(...rows);
  }));
}

// Contents: folded on small screens, and the section being read is marked.
const contents = document.querySelector(".toc details");
const small = window.matchMedia("(max-width: 68rem)");
const fold = () => { contents.open = !small.matches; };
fold();
small.addEventListener("change", fold);
contents.addEventListener("click", (event) => { if (event.target.closest("a") && small.matches) contents.open = false; });
const links = [...contents.querySelectorAll("a")];
const targets = links.map((link) => document.getElementById(link.hash.slice(1)));
const mark = () => {
  const passed = targets.filter((target) => target.getBoundingClientRect().top < window.innerHeight / 3);
  const current = targets.indexOf(passed.at(-1) ?? targets[0]);
  links.forEach((link, place) => {
    if (place === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  });
};
document.addEventListener("scroll", () => window.requestAnimationFrame(mark), { passive: true });
mark();

// Paper cannot be unfolded.
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("main details")) details.open = true;
});
