// Approval keys: made in this browser, not extractable, and used to sign what their owner agrees to (JWS, ES256).
"use strict";

(() => {
  const ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
  const STORE = "keys";

  function open() {
    return new Promise((done, fail) => {
      const request = indexedDB.open("audex", 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "id" });
      request.onsuccess = () => done(request.result);
      request.onerror = () => fail(request.error);
    });
  }

  async function inStore(mode, act) {
    const db = await open();
    try {
      return await new Promise((done, fail) => {
        const request = act(db.transaction(STORE, mode).objectStore(STORE));
        request.onsuccess = () => done(request.result);
        request.onerror = () => fail(request.error);
      });
    } finally {
      db.close();
    }
  }

  const save = (key) => inStore("readwrite", (store) => store.put(key));
  const find = (id) => inStore("readonly", (store) => store.get(id));

  function base64url(bytes) {
    const text = String.fromCharCode(...new Uint8Array(bytes));
    return btoa(text).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  const encode = (text) => new TextEncoder().encode(text);

  // RFC 7638: SHA-256 of the required members in this order.
  async function thumbprint(jwk) {
    const text = JSON.stringify({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y });
    return base64url(await crypto.subtle.digest("SHA-256", encode(text)));
  }

  async function make(name) {
    const pair = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
    const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
    const jwk = { crv, kty, x, y };
    const id = await thumbprint(jwk);
    // Kept before it is registered: a key that counts and is lost is worse than one that does not count.
    await save({ id, privateKey: pair.privateKey });
    const token = document.querySelector("meta[name=csrf-token]").content;
    const answer = await fetch("/me/keys", {
      method: "POST",
      credentials: "same-origin",
      headers: { "content-type": "application/json", accept: "application/json", "x-csrf-token": token },
      body: JSON.stringify({ name, jwk }),
    });
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      throw new Error(problem.detail || problem.code || `the server answered ${answer.status}`);
    }
  }

  async function sign(key, session, digest, decision, comment, approver) {
    const header = { alg: "ES256", kid: key.id };
    const payload = { session, digest, decision, comment, approver, iat: Math.floor(Date.now() / 1000) };
    const text = [header, payload].map((part) => base64url(encode(JSON.stringify(part)))).join(".");
    const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.privateKey, encode(text));
    return `${text}.${base64url(signature)}`;
  }

  // ---- making one

  const maker = document.getElementById("make-key");
  if (maker && window.isSecureContext && window.indexedDB) {
    maker.hidden = false;
    maker.addEventListener("submit", async (event) => {
      event.preventDefault();
      const wrong = document.getElementById("make-key-wrong");
      try {
        await make(maker.elements.name.value.trim());
        location.assign("/console/me?done=key#keys");
        location.reload();
      } catch (error) {
        wrong.textContent = `No key was made: ${error.message}.`;
        wrong.hidden = false;
      }
    });
  }
  for (const row of document.querySelectorAll("tr[data-key]")) {
    find(row.dataset.key).then((key) => {
      if (key) row.querySelector("[data-here]").hidden = false;
    }).catch(() => {});
  }

  // ---- using one

  const form = document.getElementById("vote");
  if (!form) return;
  const ids = form.dataset.keys.split(" ").filter((id) => id !== "");

  async function own() {
    for (const id of ids) {
      const key = await find(id).catch(() => undefined);
      if (key) return key;
    }
    return undefined;
  }

  own().then((key) => {
    if (!key) return;
    const note = document.getElementById("key-note");
    note.className = "soft small";
    note.textContent = "Your decision is signed with the key of this browser.";
    note.hidden = false;
  });

  form.addEventListener("submit", async (event) => {
    if (form.elements.signature.value !== "") return;
    const button = event.submitter;
    // Only once it is known that there is no key is the form sent as it is.
    event.preventDefault();
    const key = await own();
    if (key) {
      // As the server takes it from a form.
      const comment = form.elements.comment.value.trim();
      const { session, digest, approver } = form.dataset;
      form.elements.signature.value = await sign(key, session, digest, button.value, comment, approver);
    } else {
      form.elements.signature.value = " ";
    }
    // While this event is under way the form cannot be sent anew.
    setTimeout(() => form.requestSubmit(button));
  });
})();
