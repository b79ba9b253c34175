// A click on a placeholder puts it where the cursor was last, in the subject or the text.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
    const fields = document.querySelectorAll("#id_subject, #id_body");
    let last = document.querySelector("#id_body");
    fields.forEach((field) => field.addEventListener("focus", () => { last = field; }));
    document.addEventListener("click", (event) => {
        const button = event.target.closest("[data-placeholder]");
        if (!button || !last) return;
        last.focus();
        last.setRangeText(button.dataset.placeholder, last.selectionStart, last.selectionEnd, "end");
        last.dispatchEvent(new Event("input", { bubbles: true }));
    });
});
