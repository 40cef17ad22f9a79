// A run's page keeps itself up to date. The stream of events says that something happened; the page itself, asked for
// again, says what: so what is shown after a reload is the same. A model's words are shown as they come, as text only.
"use strict";
(() => {
  const POLL_MS = 3000;
  const start = document.getElementById("run-live");
  if (!start) return;
  const state = { busy: false, again: false, poll: 0, key: "", words: "" };

  function live() {
    return document.getElementById("run-live");
  }

  function show() {
    const box = live();
    if (!box) return;
    box.querySelector(".live-key").textContent = state.key;
    box.querySelector(".live-words").textContent = state.words;
    box.hidden = !state.words;
  }

  async function refresh() {
    if (state.busy) {
      state.again = true;
      return;
    }
    state.busy = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (answer.ok && !answer.redirected) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById("content-main");
        if (fresh) document.getElementById("content-main").replaceWith(fresh);
        show();
        if (!live()) stop();
      }
    } catch {
      // The server is away for a moment: the next event or look tries again.
    }
    state.busy = false;
    if (state.again) {
      state.again = false;
      refresh();
    }
  }

  function stop() {
    events.close();
    clearInterval(state.poll);
  }

  const events = new EventSource(`${start.dataset.events}?after=${start.dataset.after}`);
  events.addEventListener("token", (event) => {
    const token = JSON.parse(event.data);
    if (token.key !== state.key || token.at === 0) {
      state.key = token.key;
      state.words = "";
    }
    state.words += token.text;
    show();
  });
  for (const name of ["step", "status"]) {
    events.addEventListener(name, () => {
      state.words = "";
      refresh();
    });
  }
  events.addEventListener("end", () => {
    events.close();
    refresh();
  });
  events.addEventListener("error", () => {
    // Refused for good, as a server without live events does it: look now and then instead.
    if (events.readyState === EventSource.CLOSED && !state.poll) state.poll = setInterval(refresh, POLL_MS);
  });
})();
