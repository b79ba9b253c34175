// The API console: sends what the form says with fetch. The key is read from its field for each request and kept
// nowhere else; it is in no command line, and leaving the page empties the field.
"use strict";

const SHOWN_CHARACTERS = 100_000; // of an answer: a list of thousands of services would stop the page

const form = document.getElementById("console");
const keyField = document.getElementById("console-key");
const choice = document.getElementById("console-call");
const curl = document.getElementById("console-curl");
const facts = document.getElementById("console-facts");
const output = document.getElementById("console-answer");
const button = form.querySelector("button");

function chosenCall() {
  return form.querySelector(`fieldset[data-call="${choice.value}"]`);
}

// What is sent besides the key; an empty optional field is not sent at all.
function parameters() {
  const call = chosenCall();
  const typed = [...call.querySelectorAll("input, textarea")].map(({ name, value }) => [name, value.trim()]);
  return [["action", call.dataset.action], ...typed.filter(([, value]) => value)];
}

// As api_v2/snippets.py does: quoted for a shell, and encoded where a form needs it.
function commandLine() {
  const pairs = [["key", form.dataset.placeholder], ...parameters()];
  const lines = pairs.map(([name, value]) =>
    /^[\w:/.,@-]*$/.test(value)
      ? `-d "${name}=${value}"`
      : `--data-urlencode '${`${name}=${value}`.replaceAll("'", `'"'"'`)}'`,
  );
  return [`curl -X POST "${form.dataset.endpoint}"`, ...lines].join(" \\\n  ");
}

function showCommandLine() {
  curl.textContent = commandLine();
}

function showCall() {
  for (const fieldset of form.querySelectorAll("fieldset[data-call]")) {
    fieldset.hidden = fieldset.disabled = fieldset.dataset.call !== choice.value;
  }
  showCommandLine();
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function showAnswer(text) {
  output.textContent = text;
  output.classList.remove("text-muted");
}

async function send() {
  const body = new URLSearchParams([["key", keyField.value.trim()], ...parameters()]);
  const started = performance.now();
  const response = await fetch(form.dataset.address, {
    method: "POST",
    body,
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
    referrerPolicy: "no-referrer",
  });
  const text = await response.text();
  const took = performance.now() - started;
  const size = new TextEncoder().encode(text).length.toLocaleString(document.documentElement.lang);
  const isCut = text.length > SHOWN_CHARACTERS;
  facts.textContent = [
    `HTTP ${response.status}`,
    `${took < 10 ? took.toFixed(1) : Math.round(took)} ms`,
    `${size} ${form.dataset.bytes}`,
    ...(isCut ? [form.dataset.cut] : []),
  ].join(" · ");
  showAnswer(isCut ? text.slice(0, SHOWN_CHARACTERS) : pretty(text));
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { question } = chosenCall().dataset;
  if (button.disabled || (question && !(await confirmed(question, button.dataset.deed)))) return;
  button.disabled = true;
  facts.textContent = form.dataset.waiting;
  try {
    await send();
  } catch {
    facts.textContent = "";
    showAnswer(form.dataset.unreachable);
  } finally {
    button.disabled = false;
  }
});
form.addEventListener("input", showCommandLine);
choice.addEventListener("change", showCall);
// Coming back must not find a key that somebody else typed.
addEventListener("pagehide", () => { keyField.value = ""; });
showCall();
