/* Copy buttons: <button data-copy="ID of a field" data-status="ID of a live region">. Without a clipboard (plain http,
   a refused permission) the field is selected instead, and the words say which keys to press. */
"use strict";

for (const button of document.querySelectorAll("button[data-copy]")) {
  const field = document.getElementById(button.dataset.copy);
  const status = document.getElementById(button.dataset.status);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      status.textContent = "Copied";
    } catch {
      field.focus();
      field.select();
      status.textContent = "Selected: press Ctrl+C or ⌘C to copy";
    }
  });
}
