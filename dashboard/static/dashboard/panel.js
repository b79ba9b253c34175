// What pages do beyond links and forms. Every page works without it; one listener per event on the document, so
// that parts swapped in later need no set-up.
"use strict";

const COPIED_MILLISECONDS = 2000;
const TOAST_MILLISECONDS = 6000;

function currentTheme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen) return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

function labelThemeToggle(button) {
  button.title = currentTheme() === "dark" ? button.dataset.toLight : button.dataset.toDark;
  button.setAttribute("aria-label", button.title);
}

function toggleTheme() {
  const next = currentTheme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("theme", next);
  } catch {
    // Not remembered; the page still changes.
  }
  document.querySelectorAll("[data-theme-toggle]").forEach(labelThemeToggle);
  document.dispatchEvent(new CustomEvent("panel:theme")); // charts are drawn in colours of the theme
}

// `data-copy` names the element whose text is copied, `data-copy-text` is the text itself.
async function copyText(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(button.dataset.copyText ?? source.textContent.trim());
  } catch {
    // No clipboard (plain http): leave the text selected for Ctrl+C.
    if (source) getSelection().selectAllChildren(source);
    return;
  }
  if (!button.dataset.copied) return;
  const label = button.innerHTML;
  button.textContent = button.dataset.copied;
  setTimeout(() => { button.innerHTML = label; }, COPIED_MILLISECONDS);
}

function showToast({ text, tone = "info" }) {
  const toast = document.createElement("div");
  toast.className = `alert alert-${tone} toast`;
  const words = document.createElement("div");
  words.className = "alert-text";
  words.textContent = text;
  toast.append(words);
  document.getElementById("toasts").append(toast);
  setTimeout(() => toast.remove(), TOAST_MILLISECONDS);
}

// Asks in the page's own window; resolves to whether the answer is yes.
function confirmed(question, deed) {
  const dialog = document.getElementById("confirm");
  const button = dialog.querySelector("[data-deed]");
  document.getElementById("confirm-text").textContent = question;
  button.textContent = deed || button.dataset.default;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

document.addEventListener("click", (event) => {
  const target = event.target instanceof Element ? event.target : null;
  const toggle = target?.closest("[data-theme-toggle]");
  if (toggle) toggleTheme();
  const copy = target?.closest("[data-copy], [data-copy-text]");
  if (copy) copyText(copy);
  const opens = target?.closest("[data-opens]");
  if (opens) document.getElementById(opens.dataset.opens).showModal();
  if (target?.closest("[data-print]")) print();
  target?.closest("[data-dismiss]")?.closest(".alert, [data-dismissible]")?.remove();
  // What looks like a button that is off says why.
  const says = target?.closest("[data-says]");
  if (says) showToast({ text: says.dataset.says, tone: "info" });
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(target)) menu.open = false;
  }
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

// A select, or a box to tick, that needs no button after it.
document.addEventListener("change", (event) => {
  if (event.target.matches?.("[data-submits]")) event.target.form.requestSubmit();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || form.hasAttribute("hx-post")) return;
  const asks = event.submitter?.dataset.confirm ? event.submitter : form;
  if (asks.dataset.confirm && !form.dataset.confirmed) {
    event.preventDefault();
    confirmed(asks.dataset.confirm, asks.dataset.confirmButton).then((yes) => {
      if (!yes) return;
      form.dataset.confirmed = "yes";
      form.requestSubmit(event.submitter);
    });
    return;
  }
  // A second click while the first is on its way would place a second order or make a second key.
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
});
// Coming back with the browser's back button finds the form usable again.
addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => {
    delete form.dataset.sent;
    delete form.dataset.confirmed;
  });
});

document.addEventListener("htmx:confirm", (event) => {
  if (!event.detail.question) return;
  event.preventDefault();
  confirmed(event.detail.question, event.detail.elt.dataset.confirmButton).then((yes) => {
    if (yes) event.detail.issueRequest(true);
  });
});
// What asks again and again does so while somebody looks, and at once when they come back.
document.addEventListener("htmx:beforeRequest", (event) => {
  if (document.hidden && event.detail.elt.hasAttribute("data-while-visible")) event.preventDefault();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  document.querySelectorAll("[data-while-visible]").forEach((element) => htmx.trigger(element, "panel:shown"));
});
// The server shows a toast with the header HX-Trigger: see dashboard/toasts.py.
document.addEventListener("toast", (event) => showToast(event.detail));
document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector("[name=csrfmiddlewaretoken]");
  if (event.detail.verb !== "get" && token) event.detail.headers["X-CSRFToken"] = token.value;
});

function revealScripted(root) {
  root.querySelectorAll("[data-needs-script]").forEach((element) => { element.hidden = false; });
}
document.addEventListener("htmx:load", (event) => revealScripted(event.detail.elt));
revealScripted(document);
document.querySelectorAll("[data-theme-toggle]").forEach(labelThemeToggle);
// On a phone the tab of this page may be outside the strip of tabs.
document.querySelectorAll(".tab[aria-current]").forEach((tab) => { tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 48; });
