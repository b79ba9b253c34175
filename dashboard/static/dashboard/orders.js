// The list of orders: ticking many, and a search field that takes a pasted column of ids.
"use strict";

const boxes = (name) => [...document.querySelectorAll(`input[name="${name}"].tick`)];

function countTicked(name) {
  const all = boxes(name);
  const ticked = all.filter(({ checked }) => checked).length;
  for (const element of document.querySelectorAll(`[data-ticked="${name}"]`)) element.textContent = ticked;
  for (const master of document.querySelectorAll(`[data-ticks="${name}"]`)) {
    master.checked = ticked > 0 && ticked === all.length;
    master.indeterminate = ticked > 0 && ticked < all.length;
  }
}

function tickAll(name, checked) {
  for (const box of boxes(name)) box.checked = checked;
  countTicked(name);
}

document.addEventListener("change", ({ target }) => {
  if (target.matches?.("[data-ticks]")) tickAll(target.dataset.ticks, target.checked);
  else if (target.matches?.(".tick")) countTicked(target.name);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-unticks]");
  if (button) tickAll(button.dataset.unticks, false);
});
// The outcomes are shown: what was selected is dealt with.
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target.id === "outcome") tickAll("order", false);
});

// A field of several lines, in which Enter searches all the same.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || !event.target.matches?.(".order-filters textarea")) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});
addEventListener("pageshow", () => countTicked("order"));
