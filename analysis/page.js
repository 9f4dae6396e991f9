// What the page does: figures by Plotly, tables that sort and filter, and points with their stages
// and questions. Data that are large stand in the page compressed, and are read when they are asked
// for.
"use strict";

const MOST_ROWS = 200; // of a table at once

const element = (name, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};

const unpacked = new Map();
function unpack(id) {
  if (!unpacked.has(id)) unpacked.set(id, read(id));
  return unpacked.get(id);
}
async function text(id) {
  const stored = await fetch(`data:;base64,${document.getElementById(id).textContent}`);
  return new Response(stored.body.pipeThrough(new DecompressionStream("gzip"))).text();
}
async function read(id) {
  return document.getElementById(id) ? JSON.parse(await text(id)) : null;
}

// --- Tables: a cell is its text, or its text and the number that it sorts by -------------------

const textOf = (cell) => (Array.isArray(cell) ? cell[0] : cell);
function keyOf(cell) {
  if (Array.isArray(cell)) return cell[1];
  return cell !== "" && isFinite(cell) ? Number(cell) : null;
}

function compared(a, b) {
  const [x, y] = [keyOf(a), keyOf(b)];
  if (x !== null && y !== null) return x - y;
  if (x !== null || y !== null) return x !== null ? -1 : 1; // what has no number comes last
  return textOf(a).localeCompare(textOf(b), undefined, { numeric: true });
}

function holds(cell, sign, value) {
  if ((keyOf(cell) === null) !== (keyOf(value) === null)) return false;
  const order = compared(cell, value);
  return sign === "=" ? order === 0 : sign === "<" ? order < 0 : order > 0;
}

// Words that all have to be in the row, or COLUMN=VALUE, COLUMN<VALUE, COLUMN>VALUE.
function matcher(query, heads) {
  const tests = query.trim().split(/\s+/).filter(Boolean).map((word) => {
    const [, head, sign, value] = /^(.+?)([=<>])(.+)$/.exec(word) ?? [];
    const column = heads.findIndex((h) => h.replace(/\s+/g, "_") === head || h === head);
    if (column >= 0) return (row) => holds(row[column], sign, value);
    return (row) => row.some((cell) => textOf(cell).toLowerCase().includes(word.toLowerCase()));
  });
  return (row) => tests.every((test) => test(row));
}

function enliven(table) {
  const heads = [...table.tHead.rows[0].cells];
  const classes = heads.map((head) => head.className);
  const body = table.tBodies[0];
  const box = table.closest(".table");
  const [search, count] = [box.querySelector("input"), box.querySelector(".count")];
  let rows = null, column = -1, down = false;

  async function all() {
    if (rows) return rows;
    const shown = [...body.rows].map((row) =>
      [...row.cells].map((td) => (td.dataset.v ? [td.textContent, +td.dataset.v] : td.textContent)));
    const rest = table.dataset.rest ? await unpack(table.dataset.rest) : [];
    rows = shown.concat(rest.points ? rest.points.slice(shown.length) : rest);
    return rows;
  }
  async function show() {
    const every = await all();
    const found = every.filter(matcher(search?.value ?? "", heads.map((h) => h.textContent)));
    if (column >= 0) found.sort((a, b) => (down ? -1 : 1) * compared(a[column], b[column]));
    const rendered = found.slice(0, MOST_ROWS).map((row) =>
      element("tr", {}, ...row.map((cell, k) =>
        element("td", { className: classes[k], textContent: textOf(cell) }))));
    body.replaceChildren(...rendered);
    const part = found.length > MOST_ROWS ? `, the first ${MOST_ROWS} shown` : "";
    if (count) count.textContent = `${found.length} of ${every.length} rows${part}`;
    table.dispatchEvent(new Event("filled"));
  }
  heads.forEach((head, k) => head.addEventListener("click", () => {
    down = column === k && !down;
    column = k;
    heads.forEach((h) => h.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    show();
  }));
  search?.addEventListener("input", show);
  table.closest("details")?.addEventListener("toggle", show, { once: true });
}

// --- Tables wider than the window: as many columns as have room, whole, and ways to the others --

let fitted = 0; // tables, for the rules that hide columns of each

function fitColumns(scroll) {
  const table = scroll.querySelector("table");
  table.dataset.fitted = ++fitted;
  const rule = element("style");
  const [back, on] = [["\u2190", "columns before"], ["\u2192", "columns after"]].map(
    ([textContent, title]) => element("button", { textContent, title }));
  const told = element("span"), choice = element("select", { title: "show this column" });
  const line = element("div", { className: "columns", hidden: true }, back, told, on, choice);
  scroll.before(line);
  scroll.append(rule);
  let begin = 1, end = 1, widths = []; // the columns that are seen beside the first, and their room

  // Hides the columns before `from`, and those from `to` on.
  function hide(from, to) {
    const cells = `[data-fitted="${table.dataset.fitted}"] :is(th, td)`;
    rule.textContent = `${cells}:nth-child(n+2):nth-child(-n+${from}),
      ${cells}:nth-child(n+${to + 1}) { display: none; }`;
  }
  const room = () => scroll.clientWidth - widths[0];
  function endFrom(from) {
    let left = room() - widths[from], to = from + 1;
    while (to < widths.length && (left -= widths[to]) >= 0) ++to;
    return to;
  }
  function beginTo(to) {
    let left = room() - widths[to - 1], from = to - 1;
    while (from > 1 && (left -= widths[from - 1]) >= 0) --from;
    return from;
  }
  function show(from) {
    begin = Math.max(1, Math.min(from, beginTo(widths.length)));
    end = endFrom(begin);
    hide(begin, end);
    back.disabled = begin === 1;
    on.disabled = end === widths.length;
    told.textContent = `columns ${begin + 1} to ${end} of ${widths.length}`;
    // one that has no room by itself breaks its words
    table.classList.toggle("broken", scroll.scrollWidth > scroll.clientWidth + 1);
  }
  function fit() {
    if (!scroll.clientWidth) return; // it is folded
    rule.textContent = "";
    table.classList.remove("broken");
    const heads = [...table.tHead.rows[0].cells];
    table.classList.toggle("narrow", heads[0].offsetWidth > 0.4 * scroll.clientWidth);
    line.hidden = heads.length < 3 || scroll.scrollWidth <= scroll.clientWidth + 1;
    if (line.hidden) return void table.classList.toggle("broken", heads.length < 3);
    widths = heads.map((head) => head.getBoundingClientRect().width);
    choice.replaceChildren(...heads.slice(1).map((head, k) =>
      element("option", { textContent: head.textContent, value: k + 1 })));
    step(begin);
  }
  function step(from) {
    show(from);
    choice.value = begin;
  }
  back.addEventListener("click", () => step(beginTo(begin)));
  on.addEventListener("click", () => step(end));
  choice.addEventListener("change", () => show(+choice.value));
  table.addEventListener("filled", fit);
  let width = 0; // that it was fitted to, none yet; its height may change by that
  new ResizeObserver(() => {
    if (width !== (width = scroll.clientWidth)) setTimeout(fit);
  }).observe(scroll);
}

// --- Figures, by Plotly ------------------------------------------------------------------------

let library = null;
async function load() {
  document.head.append(element("script", { textContent: await text("plotly") }));
}

async function draw(plot) {
  const { data, layout } = await unpack(plot.dataset.plot);
  await (library ??= load());
  await Plotly.newPlot(plot, data, layout, { displayModeBar: false });
  plot.on("plotly_click", ({ points: [{ data: { meta }, pointNumber }] }) => {
    const rows = meta?.[meta.length === 1 ? 0 : pointNumber];
    if (rows?.length) openPoints(rows);
  });
}
const drawings = new Map(); // of each figure, which is drawn once
function drawing(plot) {
  if (!drawings.has(plot)) drawings.set(plot, draw(plot));
  return drawings.get(plot);
}

// Those that come near; the others, as for printing, once the page is there and the reader does
// nothing.
const FIRST = 2000; // milliseconds that the page has to itself
const idle = window.requestIdleCallback ?? setTimeout;
async function drawAll(plots) {
  const come = (entries) =>
    entries.forEach((entry) => entry.isIntersecting && drawing(entry.target));
  const near = new IntersectionObserver(come, { rootMargin: "50%" });
  plots.forEach((plot) => near.observe(plot));
  await new Promise((done) => setTimeout(done, FIRST));
  for (const plot of plots) {
    await new Promise((done) => idle(done));
    await drawing(plot);
  }
}

// A figure that is wider than the page is shown smaller.
function fitPlot(plot) {
  const { offsetWidth, offsetHeight, parentElement, style } = plot;
  const scale = Math.min(1, parentElement.clientWidth / offsetWidth);
  style.transform = scale < 1 ? `scale(${scale})` : "";
  style.margin = `0 ${(scale - 1) * offsetWidth}px ${(scale - 1) * offsetHeight}px 0`;
}

// --- Points ------------------------------------------------------------------------------------

const dialog = element("dialog", { id: "point" });
const plain = (heads, rows) => element("div", { className: "scroll" },
  element("table", {},
    element("thead", {}, element("tr", {}, ...heads.map((h) => element("th", { textContent: h })))),
    element("tbody", {}, ...rows.map((row) =>
      element("tr", {}, ...row.map((c) => element("td", { textContent: c ?? "" })))))));

function filled(...content) {
  const close = element("button", { textContent: "close", className: "close" });
  close.addEventListener("click", () => dialog.close());
  dialog.replaceChildren(close, ...content);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  dialog.querySelectorAll(".table table").forEach(enliven);
  dialog.querySelectorAll(".scroll").forEach(fitColumns);
}

async function openPoints(rows) {
  if (rows.length === 1) return openPoint(rows[0]);
  const sweep = await unpack("sweep");
  const links = rows.map((row) => {
    const link = element("button", { textContent: sweep.points[row][0], className: "link" });
    link.addEventListener("click", () => openPoint(row));
    return element("li", {}, link);
  });
  filled(element("h3", { textContent: `${rows.length} points` }), element("ul", {}, ...links));
}

// Rows of the stages without which one could not run, and its own, ascending.
function needed(upstream, stage) {
  const found = new Set(), waiting = stage >= 0 ? [stage] : [];
  for (const k of waiting) {
    if (found.has(k)) continue;
    found.add(k);
    waiting.push(...upstream[k]);
  }
  return [...found].sort((a, b) => a - b);
}

async function openPoint(row) {
  const sweep = await unpack("sweep");
  const point = sweep.points[row];
  const told = sweep.columns.map((name, k) => [name, point[k]]).filter(([, value]) => value !== "");
  const content = [element("h3", { textContent: point[0] }), plain(["of the point", ""], told)];
  const deck = document.getElementById("deck");
  if (deck) {
    const link = element("a", { href: "#deck", textContent: "the deck of the sweep" });
    link.addEventListener("click", () => {
      dialog.close();
      deck.open = true;
    });
    content.push(element("p", {}, "What all points have in common is in ", link, "."));
  }
  const stages = needed(sweep.upstream, sweep.stage_of[row]).map((k) => sweep.stages[k]);
  if (stages.length)
    content.push(element("h3", { textContent: "Stages, in the order they need each other" }),
      plain(sweep.stage_columns, stages));
  content.push(...(await questionsOf(row, point[0])));
  filled(...content);
}

// What was asked of the point: what is the same for several points, and what came of this one.
async function questionsOf(row, id) {
  const asked = await unpack("questions");
  if (!asked) return [];
  const title = element("h3", { textContent: asked.title });
  const mine = asked.points[row];
  if (!mine) return [title, element("p", { textContent: asked.otherwise.replace("{id}", id) })];
  const { columns, rows } = asked.tables[asked.of[row]];
  const heads = [...columns, ...mine.map(([head]) => head)];
  const name = `rest-of-${row}`;
  unpacked.set(name, Promise.resolve(rows.map((question, k) =>
    [...question, ...mine.map(([, words]) => asked.words[words[k]])])));
  const table = plain(heads, []).querySelector("table");
  table.dataset.rest = name;
  const search = element("input", { type: "search", placeholder: "filter" });
  const box = element("div", { className: "table" }, search,
    element("span", { className: "count" }), element("div", { className: "scroll" }, table));
  setTimeout(() => search.dispatchEvent(new Event("input")));
  return [title, element("p", { className: "small", textContent: asked.note }), box];
}

document.body.append(dialog);
// beside the page the contents are open, above it they would push it down
document.querySelector("nav details").open = matchMedia("(min-width: 1360px)").matches;
document.querySelector("nav").addEventListener("click", ({ target }) => {
  const led = document.getElementById(target.hash?.slice(1));
  if (led?.matches("details")) led.open = true;
});
document.querySelectorAll(".table table").forEach(enliven);
document.querySelectorAll(".scroll").forEach(fitColumns);
const plots = [...document.querySelectorAll(".plot")];
const fitPlots = () => plots.forEach(fitPlot);
addEventListener("resize", fitPlots);
fitPlots();
drawAll(plots);
document.querySelector("table[data-points]")?.addEventListener("click", async (event) => {
  const cell = event.target.closest("td:first-child");
  if (!cell) return;
  const { points } = await unpack("sweep");
  openPoint(points.findIndex((point) => point[0] === cell.textContent));
});
