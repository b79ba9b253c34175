// The import page: list what is searched for, remember what is chosen, and preview our rates.
"use strict";

const SHOWN = 200; // rows at a time; a browser lists more, but nobody reads them
const form = document.getElementById("import-form");
const rows = JSON.parse(document.getElementById("import-rows").textContent);
const at = (name) => document.getElementById(`import-${name}`);
const ids = document.getElementById("id_ids");
const chosen = new Set(ids.value.split(/\s+/).filter(Boolean));
let found = [];
let shown = SHOWN;

for (const row of rows) {
  row.text = `${row.id} ${row.name} ${row.category} ${row.type}`.toLowerCase();
  row.canBe = !row.why && row.ours === null;
}

// A decimal as a whole number of its last places, so that the preview is as exact as the price.
function whole(text, places) {
  const parts = /^(\d*)(?:[.,](\d*))?$/.exec(text.trim());
  if (!parts || !(parts[1] || parts[2])) return null;
  return BigInt(parts[1] + (parts[2] || "").padEnd(places, "0").slice(0, places));
}

// As `catalog.markup.price_for`: exact, and rounded up to the next step.
function rateOf(row, markup) {
  if (!markup || row.why) return "";
  const { currency, percent, fixed, step } = markup;
  const above = whole(row.cost, 5) * 10n ** 10n * (10000n + percent) + fixed * currency * 10000n;
  const below = currency * 10000n * step;
  const rate = String(((above + below - 1n) / below) * step).padStart(6, "0");
  return `${rate.slice(0, -5)}.${rate.slice(-5)}`.replace(/(\.\d\d\d*?)0+$/, "$1");
}

function markupNow() {
  const markup = {
    currency: whole(form.dataset.currencyRate, 10),
    percent: whole(document.getElementById("id_percent").value, 2),
    fixed: whole(document.getElementById("id_fixed").value, 5),
    step: whole(document.getElementById("id_rounding").value, 5),
  };
  return Object.values(markup).includes(null) ? null : markup;
}

const grouped = (number) => number.toLocaleString("en");

function cell(tr, text, classes = "", label = "") {
  const td = tr.insertCell();
  td.className = classes;
  td.textContent = text;
  if (label) td.dataset.label = label;
  return td;
}

function draw() {
  const markup = markupNow();
  const body = document.createElement("tbody");
  body.id = "import-body";
  for (const row of found.slice(0, shown)) {
    const tr = body.insertRow();
    tr.className = row.canBe || row.ours !== null ? "" : "import-off";
    const box = document.createElement("input");
    box.type = "checkbox";
    box.checked = chosen.has(row.id);
    box.disabled = Boolean(row.why);
    box.dataset.id = row.id;
    box.setAttribute("aria-label", `Choose ${row.name}`);
    cell(tr, "").append(box);
    cell(tr, row.id, "import-id import-skip");
    const name = cell(tr, row.name, "import-name import-wide");
    const sub = document.createElement("span");
    sub.className = "import-sub";
    sub.textContent = [row.category, row.type === "Default" ? "" : row.type, ...(row.can || [])].filter(Boolean).join(" · ");
    name.append(sub);
    cell(tr, row.cost ? rateOf(row, { currency: 10n ** 10n, percent: 0n, fixed: 0n, step: 1n }) : "", "import-number import-cost", "Cost");
    cell(tr, rateOf(row, markup), "import-number", "Our rate");
    cell(tr, row.min ? grouped(row.min) : "", "import-number import-skip");
    cell(tr, row.max ? grouped(row.max) : "", "import-number import-skip");
    const state = cell(tr, row.why || (row.ours === null ? "" : "sold as "), "import-wide");
    if (row.ours !== null) {
      const link = document.createElement("a");
      link.className = "text-link";
      link.href = `../${Number(row.ours)}/change/`;
      link.textContent = row.ours;
      state.append(link);
    }
  }
  at("body").replaceWith(body);
  at("none").hidden = found.length > 0;
  at("more").hidden = found.length <= shown;
  at("more").textContent = `Show more: ${grouped(shown)} of ${grouped(found.length)} are listed`;
  count();
}

function count() {
  const able = found.filter((row) => row.canBe);
  const taken = able.filter((row) => chosen.has(row.id)).length;
  at("all").checked = able.length > 0 && taken === able.length;
  at("all").indeterminate = taken > 0 && taken < able.length;
  at("all").disabled = able.length === 0;
  at("count").textContent = `${grouped(chosen.size)} chosen, ${grouped(found.length)} of ${grouped(rows.length)} found`;
}

function find() {
  const words = at("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const category = at("category").value;
  const which = at("which").value;
  found = rows.filter(
    (row) =>
      (!category || row.category === category) &&
      (which !== "new" || row.canBe) &&
      (which !== "chosen" || chosen.has(row.id)) &&
      words.every((word) => row.text.includes(word)),
  );
  shown = SHOWN;
  draw();
}

at("search").addEventListener("input", find);
at("search").addEventListener("keydown", (event) => {
  if (event.key === "Enter") event.preventDefault(); // it searches already, and must not import
});
for (const name of ["category", "which"]) at(name).addEventListener("change", find);
for (const name of ["percent", "fixed", "rounding"]) document.getElementById(`id_${name}`).addEventListener("input", draw);
at("more").addEventListener("click", () => {
  shown += SHOWN;
  draw();
});
at("all").addEventListener("change", (event) => {
  for (const row of found) {
    if (row.canBe) chosen[event.target.checked ? "add" : "delete"](row.id);
  }
  draw();
});
form.addEventListener("change", (event) => {
  const id = event.target.dataset.id;
  if (id === undefined) return;
  chosen[event.target.checked ? "add" : "delete"](id);
  count();
});
form.addEventListener("submit", () => {
  ids.value = [...chosen].join("\n");
});
find();
