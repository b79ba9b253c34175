// Finding a service with the keyboard, and what an order will cost while it is typed. The server's own answer, with
// everything that it would refuse, follows a moment later: see views/new_order.py.
"use strict";

const PLACES = 5; // the panel's money has five decimals
const PER = 1000n; // rates are per 1,000

function scaled(text) {
  const [whole, decimals = ""] = text.split(".");
  return BigInt(whole + decimals.padEnd(PLACES, "0"));
}

function wholeNumber(field) {
  const text = field?.value.trim() ?? "";
  return /^[0-9]{1,10}$/.test(text) ? BigInt(text) : 0n;
}

function countLines(field) {
  return BigInt((field?.value ?? "").split(/\r\n|\r|\n/).filter((line) => line.trim()).length);
}

function quantityOf(form) {
  const source = form.dataset.counts;
  if (source === "one") return 1n;
  if (source !== "quantity") return countLines(form.elements[source]);
  const runs = form.dataset.perRun ? wholeNumber(form.elements.runs) : 0n;
  return wholeNumber(form.elements.quantity) * (runs || 1n);
}

// The server's rule: rate × quantity ÷ 1000, halves up, never nothing. Whole numbers, so no float can differ.
function chargeOf(form) {
  const rate = scaled(form.dataset.rate);
  const quantity = quantityOf(form);
  if (quantity === 0n) return null;
  if (form.dataset.flat) return rate;
  const charge = (rate * quantity + PER / 2n) / PER;
  return charge === 0n && rate > 0n ? 1n : charge;
}

function printed(amount, currency) {
  const digits = amount.toString().padStart(PLACES + 1, "0");
  const decimals = digits.slice(-PLACES).replace(/0{3}$/, "");
  return `${BigInt(digits.slice(0, -PLACES)).toLocaleString("en")}.${decimals} ${currency}`;
}

function showCharge(form) {
  const { currency, balance } = form.dataset;
  const charge = chargeOf(form);
  const left = charge === null ? null : scaled(balance) - charge;
  form.querySelector("[data-charge]").textContent = charge === null ? "–" : printed(charge, currency);
  form.querySelector("[data-left]").textContent = left === null || left < 0n ? "–" : printed(left, currency);
}

function markFields(form) {
  for (const field of form.elements) {
    const said = field.id && document.getElementById(`${field.id}_said`);
    if (!said) continue;
    if (said.querySelector(".errorlist")) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    const help = document.getElementById(`${field.id}_helptext`);
    field.setAttribute("aria-describedby", help ? `${help.id} ${said.id}` : said.id);
  }
}

// Another service for the same link: what is filled in goes along.
function keepFilledIn(link, form) {
  const address = new URL(link.href);
  for (const name of ["link", "quantity"]) {
    const value = form.elements[name]?.value.trim();
    if (value) address.searchParams.set(name, value);
  }
  link.href = address.href;
}

const order = document.querySelector("[data-order]");
if (order) {
  order.addEventListener("input", () => showCharge(order));
  order.addEventListener("htmx:afterSettle", () => markFields(order));
  document.querySelector("[data-change]").addEventListener("click", (event) => keepFilledIn(event.currentTarget, order));
  markFields(order);
}

// The list stays open under its field; the field keeps the focus and names the option that Enter would choose.
function setUpPicker(picker) {
  const field = picker.querySelector("[role=combobox]");
  const list = document.getElementById("choices");
  const options = () => [...list.querySelectorAll("[role=option]")];

  function activate(option) {
    list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    if (option) {
      option.setAttribute("aria-selected", "true");
      option.scrollIntoView({ block: "nearest" });
      field.setAttribute("aria-activedescendant", option.id);
    } else {
      field.removeAttribute("aria-activedescendant");
    }
  }

  function refresh() {
    options().forEach((option) => { option.tabIndex = -1; });
    list.hidden = options().length === 0;
    field.setAttribute("aria-expanded", String(!list.hidden));
    list.scrollTop = 0;
    // What was searched for has a likeliest answer; a list to browse has none.
    activate(field.value.trim() ? options()[0] : null);
  }

  field.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key in steps && all.length) {
      event.preventDefault();
      const next = at < 0 && steps[event.key] < 0 ? all.length - 1 : at + steps[event.key];
      activate(all[Math.min(Math.max(next, 0), all.length - 1)]);
    } else if (event.key === "Enter" && !list.classList.contains("htmx-request")) {
      event.preventDefault();
      all[at]?.click();
    } else if (event.key === "Enter") {
      event.preventDefault(); // what is on the screen is not yet what was typed
    }
  });
  list.addEventListener("htmx:afterSwap", refresh);
  refresh();
}

document.querySelectorAll("[data-picker]").forEach(setUpPicker);
