// Queues by one key: j and k move between rows, the letter of an action follows its link, Enter opens the row.
(() => {
  "use strict";
  const HERE = "queue-here";
  const rows = () => [...document.querySelectorAll("#result_list tr")].filter((row) => row.querySelector("[data-key]"));
  const here = () => document.querySelector(`tr.${HERE}`);

  function move(step) {
    const all = rows();
    if (!all.length) return;
    const at = all.indexOf(here());
    const next = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
    here()?.classList.remove(HERE);
    next.classList.add(HERE);
    next.scrollIntoView({ block: "nearest" });
  }

  // The first row is ready: whoever comes back from a decision goes on with the next.
  document.addEventListener("DOMContentLoaded", () => move(0));

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === "j" || event.key === "k") return move(event.key === "j" ? 1 : -1);
    const isList = document.querySelector("#result_list") !== null;
    const scope = isList ? here() : document;
    if (!scope) return;
    if (event.key === "Enter" && isList && event.target === document.body) return scope.querySelector("a[href]")?.click();
    if (/^[a-z]$/.test(event.key)) scope.querySelector(`[data-key="${event.key}"]`)?.click();
  });
})();
