// Live updates and tap-to-copy. The page works without this file; nothing here decides anything.
"use strict";

const words = document.body.dataset;

/** Turns each code into a button that copies it. */
function upgrade(root) {
  for (const span of root.querySelectorAll("span.code")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "code";
    button.dataset.code = span.dataset.code;
    button.dataset.testid = "code";
    button.textContent = span.textContent;
    button.setAttribute("aria-label", words.copyCode.replace("{code}", span.dataset.code));
    button.title = words.copy;
    button.id = `code-${span.closest("[data-id]").dataset.id}`;
    span.replaceWith(button);
  }
}

function announce(text) {
  document.getElementById("announce").textContent = text;
}

async function copy(button) {
  const code = button.dataset.code;
  try {
    await navigator.clipboard.writeText(code);
  } catch {
    getSelection().selectAllChildren(button);
    if (!document.execCommand("copy")) return;
  }
  announce(`${words.copied} ${code}`);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.code");
  if (button) copy(button);
});

/** Replaces the live part of the page, keeping focus and marking what is new. */
async function update() {
  const url = new URL(location.href);
  url.searchParams.set("part", "live");
  const answer = await fetch(url, { cache: "no-store" });
  if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
  const text = await answer.text();
  const live = document.getElementById("live");
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const ids = (root) => [...root.querySelectorAll("li.message")].map((item) => item.dataset.id);
  const known = new Set(ids(live));
  const isNew = (id) => !known.has(id);
  const focused = document.activeElement?.id;
  const screen = live.querySelector(".screen");
  const scrolled = screen ? screen.scrollTop : 0;
  const arrived = ids(fresh).filter(isNew);
  live.replaceChildren(...fresh.body.childNodes);
  for (const item of live.querySelectorAll("li.message")) {
    if (isNew(item.dataset.id)) item.classList.add("new");
  }
  upgrade(live);
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  if (arrived.length > 0) announce(words.new);
  else live.querySelector(".screen").scrollTop = scrolled;
}

let running = false;
let again = false;

/** One update at a time; changes meanwhile cause one more. */
async function changed() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  do {
    again = false;
    try {
      await update();
    } catch {
      // The next change or the reconnect tries again.
    }
  } while (again);
  running = false;
}

upgrade(document);
const events = new EventSource("/inbox/events");
events.addEventListener("change", changed);
