// A form is sent once: an impatient second click would store, start or send everything a second time.
"use strict";
(() => {
  // After that long it may be sent again: the answer may have been a file, or somebody stopped the page from loading.
  const AGAIN_MS = 10_000;
  const sent = new Set();

  const release = (form) => {
    sent.delete(form);
    form.removeAttribute("aria-busy");
  };

  document.addEventListener("submit", (event) => {
    const form = event.target;
    // A list stays as it is when its action answers with a file; what changes something asks on a page of its own.
    if (event.defaultPrevented || form.method !== "post" || form.id === "changelist-form") return;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    sent.add(form);
    form.setAttribute("aria-busy", "true");
    setTimeout(release, AGAIN_MS, form);
  });
  // The browser's "back" brings the page as it was left.
  addEventListener("pageshow", () => [...sent].forEach(release));
})();
