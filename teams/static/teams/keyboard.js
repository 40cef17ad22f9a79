// The theme's menus answer to clicks on elements that no keyboard reaches (a span, a link without an address).
// Here each of them becomes a button for keyboards and screen readers, with a name where it shows only an icon.
"use strict";
(() => {
  const NAMES = {
    dock_to_right: "Show or hide the menu",
    close: "Close the menu",
    more_horiz: "More actions",
    unfold_more: "Account",
    filter_list: "Filters",
  };
  const BY_ACTION = { "openTheme = !openTheme": "Light or dark" };
  const BY_SELECTOR = {
    "#searchbar-submit": "Search",
    "a.bg-primary-600[href]": "Overview", // the product's sign above the menu
  };
  const NATIVE = "a[href], button, input, select, textarea, summary, form, body, html, h2";

  function press(event) {
    if (event.target !== event.currentTarget || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    event.currentTarget.click();
  }

  function ready() {
    for (const found of document.querySelectorAll("[x-on\\:click]")) {
      if (found.matches(NATIVE) || found.id === "changelist-filter-close") continue;
      found.tabIndex = 0;
      found.setAttribute("role", "button");
      found.addEventListener("keydown", press);
      const icon = found.matches(".material-symbols-outlined") ? found : null;
      const name = BY_ACTION[found.getAttribute("x-on:click")] || (icon && NAMES[icon.textContent.trim()]);
      if (name) found.setAttribute("aria-label", name);
    }
    for (const [selector, name] of Object.entries(BY_SELECTOR)) {
      for (const found of document.querySelectorAll(selector)) {
        const words = [...found.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
        if (!words) found.setAttribute("aria-label", name);
      }
    }
    for (const link of document.querySelectorAll("a.addlink")) link.setAttribute("aria-label", link.title);
    for (const icon of document.querySelectorAll(".material-symbols-outlined:not([role])")) {
      icon.setAttribute("aria-hidden", "true"); // its text is the icon's name
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
  else ready();
})();
