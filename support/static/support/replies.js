// Puts a saved reply into the answer, where the cursor is.
"use strict";

const replies = JSON.parse(document.getElementById("saved-replies").textContent);
const select = document.getElementById("saved-reply");
const answer = document.querySelector("textarea[name=text]");

select.addEventListener("change", () => {
  const reply = replies[Number(select.value)];
  if (!reply) return;
  answer.setRangeText(reply.text, answer.selectionStart, answer.selectionEnd, "end");
  select.value = "";
  answer.focus();
});
