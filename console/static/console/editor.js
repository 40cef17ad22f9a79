// The team editor's comfort: cards that fold, move, copy and come back, and a picture that follows the typing.
// Without it the page is an ordinary form with a place and a "remove" box on each card.
"use strict";

(() => {
  const form = document.querySelector("[data-te-form]");
  if (!form) {
    return;
  }
  const cards = form.querySelector("[data-te-cards]");
  const total = form.querySelector('[name="agents-TOTAL_FORMS"]');
  const models = JSON.parse(document.getElementById("te-models").textContent);
  const templates = JSON.parse(document.getElementById("te-templates").textContent);

  const all = (selector, root = form) => [...root.querySelectorAll(selector)];
  const field = (card, name) => card.querySelector(`[name="${card.dataset.teCard}-${name}"]`);
  const value = (card, name) => field(card, name).value.trim();
  const isRemoved = (card) => field(card, "DELETE").checked;
  const list = () => all("[data-te-card]", cards);
  const present = () => list().filter((card) => !isRemoved(card));
  const nameOf = (card) => value(card, "agent_role") || "New agent";

  const say = (text) => {
    form.querySelector("[data-te-said]").textContent = text;
  };

  // --- what a card shows ---

  const describe = (card) => {
    const provider = value(card, "LLM_model_provider");
    const model = value(card, "LLM_model_model");
    const named = provider && model ? `${provider}:${model}` : model || provider || "default model";
    all("[data-te-title]", card).forEach((title) => {
      title.textContent = nameOf(card);
    });
    card.querySelector("[data-te-subtitle]").textContent = [value(card, "agent_name"), named].filter(Boolean).join(" · ");
  };

  const showModel = (card) => {
    const provider = value(card, "LLM_model_provider");
    const model = value(card, "LLM_model_model");
    field(card, "LLM_model_model").setAttribute("list", `te-models-${provider}`);
    field(card, "fallback_model_model").setAttribute("list", `te-models-${value(card, "fallback_model_provider")}`);
    card.querySelector("[data-te-facts]").textContent =
      (models[provider] || {})[model] || (provider || model ? "" : "The default model");
  };

  const grow = (area) => {
    area.style.height = "auto";
    if (area.scrollHeight) {
      area.style.height = `${area.scrollHeight + 2}px`;
    }
  };

  const growAll = (root) => all("[data-te-grow]", root).forEach(grow);

  const anyOpen = () => present().some((card) => card.querySelector("details").open);

  const nameFold = () => {
    const button = form.querySelector('[data-te-do="fold"]');
    button.textContent = anyOpen() ? "Fold all" : "Open all";
    button.hidden = present().length < 2;
  };

  const renumber = () => {
    const there = present();
    list().forEach((card) => {
      const place = there.indexOf(card) + 1;
      field(card, "ORDER").value = place || there.length + 1;
      card.querySelector("[data-te-number]").textContent = place || "–";
      card.querySelector('[data-te-do="up"]').disabled = place === 1;
      card.querySelector('[data-te-do="down"]').disabled = place === there.length;
    });
    form.querySelector("[data-te-count]").textContent = there.length;
    form.querySelector("[data-te-empty]").hidden = there.length > 0;
    nameFold();
  };

  const setUp = (card) => {
    all("[data-te-live]", card).forEach((part) => {
      part.hidden = false;
    });
    card.querySelector("[data-te-plain]").hidden = true;
    field(card, "present").value = "1";
    showRemoved(card);
    showModel(card);
    card.querySelector("details").addEventListener("toggle", () => {
      growAll(card);
      nameFold();
    });
  };

  const showRemoved = (card) => {
    const removed = isRemoved(card);
    card.querySelector("details").hidden = removed;
    card.querySelector(".te-buttons").hidden = removed;
    card.querySelector("[data-te-removed]").hidden = !removed;
  };

  // --- what can be done with cards ---

  const newCard = (after) => {
    const index = Number(total.value);
    const made = document.createElement("template");
    made.innerHTML = form.querySelector("[data-te-new]").innerHTML.replaceAll("__prefix__", String(index));
    const card = made.content.firstElementChild;
    total.value = String(index + 1);
    after ? after.after(card) : cards.append(card);
    setUp(card);
    return card;
  };

  const freeRole = (wanted) => {
    const taken = new Set(present().map(nameOf));
    let role = wanted;
    for (let number = 2; taken.has(role); number += 1) {
      role = `${wanted} ${number}`;
    }
    return role;
  };

  const fill = (card, values) => {
    Object.entries(values).forEach(([name, given]) => {
      if (name === "agent_tools") {
        all(`[name="${card.dataset.teCard}-agent_tools"]`, card).forEach((box) => {
          box.checked = given.includes(box.value);
        });
      } else if (field(card, name)) {
        field(card, name).value = given;
      }
    });
  };

  const addFrom = (role) => {
    const free = role ? freeRole(role) : "";
    const card = newCard(null);
    if (role) {
      fill(card, { ...templates[role], agent_role: free });
    }
    finish(card);
    return card;
  };

  const finish = (card) => {
    describe(card);
    showModel(card);
    renumber();
    growAll(card);
    changed();
  };

  const actions = {
    add: () => {
      const card = addFrom(document.getElementById("te-template").value);
      field(card, "agent_role").focus();
      say(`${nameOf(card)} added as agent ${present().length}.`);
    },
    four: (_card, button) => {
      button.dataset.teRoles.split(",").forEach(addFrom);
      list().forEach((card) => {
        card.querySelector("details").open = false;
      });
      present()[0].querySelector("summary").focus();
      say("Four agents added.");
    },
    copy: (card) => {
      const made = newCard(card);
      all("input, select, textarea", card).forEach((from) => {
        const to = made.querySelector(`[name="${from.name.replace(card.dataset.teCard, made.dataset.teCard)}"]${
          from.name.endsWith("-agent_tools") ? `[value="${CSS.escape(from.value)}"]` : ""}`);
        if (to) {
          to.type === "checkbox" ? (to.checked = from.checked) : (to.value = from.value);
        }
      });
      field(made, "agent_id").value = "";
      field(made, "agent_role").value = "";
      field(made, "agent_role").value = freeRole(`${nameOf(card)} copy`);
      finish(made);
      field(made, "agent_role").focus();
      field(made, "agent_role").select();
      say(`${nameOf(card)} copied as agent ${present().indexOf(made) + 1}.`);
    },
    remove: (card) => {
      if (!value(card, "agent_id") && !value(card, "agent_role") && !value(card, "agent_goal_based_prompt")) {
        field(card, "present").value = "";
      }
      field(card, "DELETE").checked = true;
      showRemoved(card);
      renumber();
      changed();
      card.querySelector('[data-te-do="undo"]').focus();
      say(`${nameOf(card)} is removed when you save.`);
    },
    undo: (card) => {
      field(card, "DELETE").checked = false;
      field(card, "present").value = "1";
      showRemoved(card);
      renumber();
      changed();
      card.querySelector("summary").focus();
      say(`${nameOf(card)} is back.`);
    },
    up: (card, button) => move(card, -1, button),
    down: (card, button) => move(card, 1, button),
    fold: () => {
      const open = anyOpen();
      list().forEach((card) => {
        card.querySelector("details").open = !open;
      });
    },
    json: async () => {
      const text = form.querySelector("[data-te-json]");
      getSelection().selectAllChildren(text);
      // Without https there is no clipboard, and a person may have forbidden it: then the text is at least selected.
      const copied = await navigator.clipboard?.writeText(text.textContent).then(() => true, () => false);
      say(copied ? "The JSON is copied." : "The JSON is selected: copy it with your keyboard.");
    },
  };

  const move = (card, by, button) => {
    const there = present();
    const other = there[there.indexOf(card) + by];
    if (!other) {
      say(`${nameOf(card)} is ${by < 0 ? "first" : "last"} already.`);
      return;
    }
    const focused = document.activeElement;
    by < 0 ? other.before(card) : other.after(card);
    renumber();
    changed();
    // Moving an element takes the focus from it; a button that is off now cannot have it.
    const wanted = button || focused;
    (wanted && card.contains(wanted) && !wanted.disabled ? wanted : card.querySelector("summary")).focus();
    say(`${nameOf(card)} is now agent ${present().indexOf(card) + 1} of ${there.length}.`);
  };

  // --- the picture ---

  let timer = 0;
  let asked = 0;

  const draw = async () => {
    asked += 1;
    const mine = asked;
    try {
      const data = new FormData(form);
      data.delete("config");
      const answer = await fetch(form.dataset.tePreview, { method: "POST", body: data });
      if (answer.ok && mine === asked) {
        form.querySelector("[data-te-drawing]").innerHTML = await answer.text();
      }
    } catch (error) {
      if (!(error instanceof TypeError)) {
        throw error;
      }
      // The server cannot be reached for the moment: the picture stays, the next change asks again.
    }
  };

  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(draw, 350);
  };

  // --- listening ---

  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-te-do]");
    if (button) {
      actions[button.dataset.teDo](button.closest("[data-te-card]"), button);
      return;
    }
    const link = event.target.closest('.te-summary a[href^="#"]');
    const target = link && document.getElementById(link.getAttribute("href").slice(1));
    if (target) {
      event.preventDefault();
      show(target);
    }
  });

  form.addEventListener("keydown", (event) => {
    const card = event.target.closest("[data-te-card]");
    const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (card && by && event.altKey && !isRemoved(card)) {
      event.preventDefault();
      move(card, by, null);
    }
  });

  form.addEventListener("input", (event) => {
    const card = event.target.closest("[data-te-card]");
    if (event.target.matches("[data-te-grow]")) {
      grow(event.target);
    }
    if (card) {
      describe(card);
      showModel(card);
    }
    if (event.target.name === "only_these_tools") {
      showTools();
    }
    if (event.target.name !== "config" && event.target.name !== "reason") {
      changed();
    }
  });

  const showTools = () => {
    form.querySelector("[data-te-only]").hidden = !form.querySelector('[name="only_these_tools"]').checked;
  };

  const show = (target) => {
    for (let box = target.closest("details"); box; box = box.parentElement.closest("details")) {
      box.open = true;
    }
    const control = target.matches("input, select, textarea") ? target : target.querySelector("input, select, textarea");
    (control || target).focus();
    target.scrollIntoView({ block: "center" });
  };

  // --- leaving ---

  const written = () => new URLSearchParams(new FormData(form)).toString();
  let atFirst = "";
  let goes = false;

  form.addEventListener("submit", () => {
    goes = true;
  });
  form.addEventListener("click", (event) => {
    goes = goes || Boolean(event.target.closest("[data-te-leave]"));
  });
  // A page that comes back by the browser's "back" asks again.
  addEventListener("pageshow", () => {
    goes = false;
  });
  addEventListener("beforeunload", (event) => {
    if (!goes && (form.hasAttribute("data-te-unsaved") || written() !== atFirst)) {
      event.preventDefault();
    }
  });

  // --- the start ---

  all("[data-te-live]").forEach((part) => {
    part.hidden = false;
  });
  list().forEach((card) => {
    // The spare card is for pages without this script.
    const isSpare = !value(card, "agent_id") && !value(card, "present") && !value(card, "agent_role")
      && !value(card, "agent_goal_based_prompt");
    if (isSpare) {
      field(card, "DELETE").checked = true;
      card.hidden = true;
      card.dataset.teSpare = "";
    }
    setUp(card);
    if (isSpare) {
      field(card, "present").value = "";
    }
  });
  renumber();
  showTools();
  growAll(form);
  atFirst = written();
  const faulty = form.querySelector('[aria-invalid="true"]');
  if (faulty) {
    show(faulty);
  } else {
    form.querySelector(".te-summary")?.focus();
  }
})();
