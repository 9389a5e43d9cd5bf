// What script adds to pages that work without it: filling the code from the text message, counting
// down, live status, showing the password. Passkeys alone need it. Loaded with `defer`; no other file is
// needed.
"use strict";

(() => {
  const text = (element, words) => {
    if (element && element.textContent !== words) element.textContent = words;
  };

  // The texts of a length of time are attributes of the form with the actions.
  const length = (form, left) => {
    const [minutes, seconds] = [Math.floor(left / 60), left % 60];
    const { dataset } = form;
    const words = minutes === 0 ? dataset.seconds : seconds === 0 ? dataset.minutes : dataset.minutesSeconds;
    return words.replace("{m}", minutes).replace("{s}", seconds);
  };

  // --- passkeys (Web Authentication) ----------------------------------------------------------
  // Before the next part, which counts a submission: this one may hold the form back.
  for (const input of document.querySelectorAll("input[data-webauthn]")) {
    const line = input.parentElement.querySelector(".passkey");
    const isNew = input.dataset.webauthn === "create";
    const parse = window.PublicKeyCredential
      && PublicKeyCredential[isNew ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON"];
    if (!parse) {
      text(line, line.dataset.unsupported);
      continue;
    }
    text(line, "");
    input.value = "";
    let isAsking = false;
    // The browser asks the user after a click only.
    input.form.addEventListener("submit", async (event) => {
      if (input.value) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      if (isAsking) return;
      isAsking = true;
      text(line, "");
      try {
        const publicKey = parse.call(PublicKeyCredential, JSON.parse(input.dataset.options));
        const credential = await navigator.credentials[isNew ? "create" : "get"]({ publicKey });
        input.value = JSON.stringify(credential);
      } catch {
        // The user declined, has no passkey here, or waited for too long: another click asks again.
        text(line, line.dataset.failed);
      }
      isAsking = false;
      if (input.value) input.form.requestSubmit();
    });
  }

  // --- the fragment of the address that the login leads back to --------------------------------
  // Browsers keep it over redirects. A form's target has to carry it on.
  if (location.hash) {
    for (const form of document.querySelectorAll("form[method=post]")) {
      form.setAttribute("action", form.getAttribute("action") + location.hash);
    }
    for (const link of document.querySelectorAll(".languages a")) link.hash = location.hash;
  }

  // --- one submission at a time ---------------------------------------------------------------
  for (const form of document.querySelectorAll("form[data-once]")) {
    form.addEventListener("submit", (event) => {
      if (form.dataset.sent) {
        event.preventDefault();
        return;
      }
      form.dataset.sent = "true";
    });
  }
  // A page that comes back from the history can be submitted again. A passkey's response is used up.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
    for (const input of document.querySelectorAll("input[data-webauthn]")) input.value = "";
  });

  // --- links of the error summary lead to the field -------------------------------------------
  for (const link of document.querySelectorAll(".summary a[href^='#']")) {
    link.addEventListener("click", (event) => {
      const field = document.getElementById(link.hash.slice(1));
      if (!field) return;
      event.preventDefault();
      field.focus();
    });
  }

  // --- password: show and hide, caps lock -----------------------------------------------------
  for (const button of document.querySelectorAll("button[data-reveal]")) {
    const input = document.getElementById(button.dataset.reveal);
    const show = (isShown) => {
      input.type = isShown ? "text" : "password";
      text(button, isShown ? button.dataset.hide : button.dataset.show);
      button.setAttribute("aria-label", isShown ? button.dataset.labelHide : button.dataset.labelShow);
    };
    button.addEventListener("click", () => show(input.type === "password"));
    // Browsers offer to keep what was typed in a password field only.
    input.form.addEventListener("submit", () => show(false));
    show(false);
    button.hidden = false;
  }
  for (const hint of document.querySelectorAll("[data-caps-lock]")) {
    const input = document.getElementById("password");
    const look = (event) => {
      if (typeof event.getModifierState !== "function") return;
      text(hint, event.getModifierState("CapsLock") ? hint.dataset.capsLock : "");
    };
    input.addEventListener("keydown", look);
    input.addEventListener("keyup", look);
    input.addEventListener("blur", () => text(hint, ""));
  }

  // --- the code from the text message (WebOTP) ------------------------------------------------
  const code = document.querySelector("input[autocomplete='one-time-code']");
  const listening = new AbortController();
  const stopListening = () => listening.abort();
  if (code && "OTPCredential" in window) {
    navigator.credentials
      .get({ otp: { transport: ["sms"] }, signal: listening.signal })
      .then((credential) => {
        if (!credential || !credential.code) return;
        code.value = credential.code;
        code.form.requestSubmit();
      })
      .catch(() => {
        // The user declined or typed the code: both are fine.
      });
    for (const form of document.forms) form.addEventListener("submit", stopListening);
  }

  // --- countdowns -----------------------------------------------------------------------------
  const announce = document.getElementById("announce");
  const actions = [...document.querySelectorAll(".action")].map((box) => ({
    box,
    name: box.dataset.action,
    button: box.querySelector("button"),
    line: box.querySelector(".wait"),
    readyAt: performance.now() + Number(box.dataset.wait) * 1000,
    wasWaiting: Number(box.dataset.wait) > 0,
  }));
  const expires = document.getElementById("expires");
  let endsAt = expires ? performance.now() + Number(expires.dataset.expires) * 1000 : Infinity;
  let hasEnded = false;

  const tick = () => {
    const now = performance.now();
    for (const action of actions) {
      const left = Math.max(0, Math.ceil((action.readyAt - now) / 1000));
      const { form } = action.button;
      if (left > 0) {
        action.wasWaiting = true;
        action.button.setAttribute("aria-disabled", "true");
        text(action.line, form.dataset.wait.replace("{length}", length(form, left)));
      } else if (action.wasWaiting) {
        action.wasWaiting = false;
        action.button.removeAttribute("aria-disabled");
        text(action.line, "");
        text(announce, action.box.dataset.ready);
      }
    }
    if (!hasEnded && now >= endsAt) {
      hasEnded = true;
      stopListening();
      // The page that offers a new code takes the place of this one.
      location.reload();
    }
  };
  if (actions.length > 0 || expires) {
    tick();
    setInterval(tick, 1000);
  }

  // --- live status ----------------------------------------------------------------------------
  const texts = document.getElementById("texts");
  if (texts && texts.dataset.events && "EventSource" in window) {
    const notice = document.getElementById("notice");
    const source = new EventSource(texts.dataset.events);
    source.addEventListener("status", (event) => {
      const status = JSON.parse(event.data);
      const paragraphs = status.texts.map((words) => {
        const paragraph = document.createElement("p");
        paragraph.textContent = words;
        return paragraph;
      });
      if (paragraphs.map((p) => p.textContent).join("\n") !== [...texts.children].map((p) => p.textContent).join("\n")) {
        texts.replaceChildren(...paragraphs);
      }
      if (status.notice && notice.textContent.trim() !== status.notice) {
        const paragraph = document.createElement("p");
        paragraph.className = "notice";
        paragraph.textContent = status.notice;
        notice.replaceChildren(paragraph);
      }
      const now = performance.now();
      for (const action of actions) {
        const live = status.actions.find((candidate) => candidate.id === action.name);
        if (live) action.readyAt = now + live.wait * 1000;
      }
      if (expires && typeof status.expires_in === "number") endsAt = now + status.expires_in * 1000;
      tick();
    });
    source.addEventListener("end", () => source.close());
    // The login has moved on without this page: it was approved elsewhere, or went on in another tab.
    source.addEventListener("moved", () => {
      source.close();
      location.reload();
    });
    window.addEventListener("pagehide", () => source.close());
    // What this page sends moves the login on, too. A reload would then drop the response and its cookie.
    document.addEventListener("submit", (event) => {
      if (!event.defaultPrevented) source.close();
    });
  }
})();
