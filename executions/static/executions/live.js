// A run's page keeps itself up to date. The stream of events says that something happened; the server, asked again for
// the part of the page that changes, says what: so the page after a reload is the same. Without a stream it asks every
// few seconds. A model's words are shown as they come, as text only. What somebody is typing is never taken away.
"use strict";
(() => {
  const OPEN_MS = 4000;
  const POLL_MS = 3000;
  const root = document.getElementById("run");
  if (!root) return;
  document.title = root.dataset.title;
  if (root.dataset.mode === "ended") return;

  const seen = new Map();
  const words = { key: "", text: "", over: false };
  let events = null;
  let poll = 0;
  let busy = false;
  let again = false;

  const blocks = (within) => within.querySelectorAll("[data-live]");
  const lists = (within) => within.querySelectorAll("[data-live-list]");

  // A form's CSRF token is another one each time it is written: that is no change of the page.
  function bare(node) {
    const copy = node.cloneNode(true);
    for (const field of copy.querySelectorAll("[name=csrfmiddlewaretoken]")) field.remove();
    return copy.outerHTML;
  }

  function remember(within) {
    for (const block of blocks(within)) seen.set(block.id, bare(block));
    for (const list of lists(within)) for (const child of list.children) seen.set(child.id, bare(child));
  }

  function inUse(node) {
    if (node.contains(document.activeElement) && document.activeElement.matches("textarea, input")) return true;
    return [...node.querySelectorAll("textarea, input:not([type=hidden])")].some((field) =>
      field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue,
    );
  }

  function swap(shown, fresh) {
    const html = bare(fresh);
    if (seen.get(fresh.id) === html || inUse(shown)) return;
    seen.set(fresh.id, html);
    const open = [...shown.querySelectorAll("details[open]")].map((details) => details.id);
    const focused = shown.contains(document.activeElement) ? document.activeElement.id : "";
    shown.replaceWith(fresh);
    for (const id of open) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  function merge(list, fresh) {
    const wanted = [...fresh.children];
    const ids = new Set(wanted.map((child) => child.id));
    for (const child of [...list.children]) {
      if (ids.has(child.id)) continue;
      if (!inUse(child)) child.remove();
      else child.querySelector(".run-gone")?.removeAttribute("hidden");
    }
    let before = null;
    for (const child of wanted) {
      const shown = document.getElementById(child.id);
      if (shown) swap(shown, child);
      else {
        seen.set(child.id, bare(child));
        if (before) before.after(child);
        else list.prepend(child);
      }
      before = document.getElementById(child.id);
    }
  }

  function show(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("run");
    if (!fresh) return;
    for (const block of [...blocks(fresh)]) swap(document.getElementById(block.id), block);
    for (const list of [...lists(fresh)]) merge(document.getElementById(list.id), list);
    if (fresh.dataset.status !== root.dataset.status || fresh.dataset.title !== root.dataset.title) {
      document.getElementById("run-said").textContent = fresh.dataset.title;
    }
    for (const name of ["state", "status", "title", "mode"]) root.dataset[name] = fresh.dataset[name];
    document.title = root.dataset.title;
    if (words.over) speak("", "");
    if (root.dataset.mode === "ended") stop("ended");
  }

  async function refresh() {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    try {
      const address = `${root.dataset.liveUrl}?seen=${encodeURIComponent(root.dataset.state)}`;
      const answer = await fetch(address, { credentials: "same-origin" });
      if (answer.redirected || answer.status === 403 || answer.status === 404) stop("no longer shown: load the page again");
      else if (answer.status === 200) show(await answer.text());
    } catch {
      // The server is away for a moment: the next event or look tries again.
    }
    busy = false;
    if (again) {
      again = false;
      refresh();
    }
  }

  function mode(text) {
    document.getElementById("run-mode").textContent = text;
  }

  function stop(text) {
    if (events) events.close();
    clearInterval(poll);
    speak("", "");
    mode(text);
  }

  function startPolling() {
    if (events) events.close();
    if (poll || root.dataset.mode === "ended") return;
    mode("updated every 3 s");
    poll = setInterval(refresh, POLL_MS);
    refresh();
  }

  function speak(key, text) {
    Object.assign(words, { key, text, over: false });
    const box = document.getElementById("run-words");
    const node = key.split("/")[1] || "";
    box.querySelector(".run-words-role").textContent = decodeURIComponent(node.replace(/#\d+$/, ""));
    box.querySelector(".run-words-text").textContent = text;
    box.hidden = !text;
  }

  function startStream() {
    const late = setTimeout(startPolling, OPEN_MS);
    events = new EventSource(`${root.dataset.events}?after=${root.dataset.after}`);
    const came = () => {
      clearTimeout(late);
      mode("live");
    };
    events.addEventListener("open", came);
    events.addEventListener("token", (event) => {
      came();
      const token = JSON.parse(event.data);
      const begins = token.key !== words.key || token.at === 0;
      const before = token.at === 0 ? "" : "… "; // who comes amid a speech has missed its beginning
      speak(token.key, (begins ? before : words.text) + token.text);
      if (begins) refresh(); // whose turn it is shows in the picture
    });
    events.addEventListener("step", (event) => {
      came();
      if (JSON.parse(event.data).key === words.key) words.over = true;
      refresh();
    });
    events.addEventListener("status", refresh);
    events.addEventListener("end", () => {
      events.close();
      refresh();
    });
    events.addEventListener("error", () => {
      // Refused for good, as a server without live events does it: look now and then instead.
      if (events.readyState === EventSource.CLOSED) {
        clearTimeout(late);
        startPolling();
      }
    });
  }

  remember(root);
  if (root.dataset.mode === "sse" && new URLSearchParams(location.search).get("live") !== "poll") startStream();
  else startPolling();
})();
