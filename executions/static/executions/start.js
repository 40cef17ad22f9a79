// The input's box grows with what is written in it.
"use strict";
for (const box of document.querySelectorAll("textarea[data-grows]")) {
  const fit = () => {
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight + 2, window.innerHeight * 0.7)}px`;
  };
  box.addEventListener("input", fit);
  fit();
}
