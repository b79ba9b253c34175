// Chooses without a click on "Choose", and shows what an order will cost while it is typed.
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

function printed(charge) {
  const digits = charge.toString().padStart(PLACES + 1, "0");
  const decimals = digits.slice(-PLACES).replace(/0{1,3}$/, "");
  return `${BigInt(digits.slice(0, -PLACES)).toLocaleString("en")}.${decimals}`;
}

function showCharge(form) {
  const charge = chargeOf(form);
  form.querySelector("[data-charge]").textContent = charge === null ? "–" : `${printed(charge)} ${form.dataset.currency}`;
}

document.querySelectorAll("[data-order]").forEach((form) => {
  form.addEventListener("input", () => showCharge(form));
  showCharge(form);
});
