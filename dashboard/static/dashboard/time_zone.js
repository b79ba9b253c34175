// Offers the browser's own time zone where the profile has another one.
"use strict";

(() => {
  const hint = document.getElementById("zone-hint");
  const select = document.getElementById(hint.dataset.select);
  const option = [...select.options].find(({ value }) => value === Intl.DateTimeFormat().resolvedOptions().timeZone);
  if (!option) return;
  const compare = () => { hint.hidden = select.value === option.value; };
  hint.querySelector("[data-zone]").textContent = option.textContent;
  hint.querySelector("[data-use-zone]").addEventListener("click", () => {
    select.value = option.value;
    compare();
    select.focus();
  });
  select.addEventListener("change", compare);
  compare();
})();
