// Comfort on top of pages that work without it: countdowns, copying, lists that refresh themselves, shortcuts.
"use strict";

const REFRESH_MS = 5000;
const live = document.getElementById("live");

function say(text) {
  if (live) live.textContent = text;
}

// ---- how long is left

function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const [d, h, m] = [Math.floor(s / 86400), Math.floor(s / 3600) % 24, Math.floor(s / 60) % 60];
  if (d > 0) return `${d} ${d === 1 ? "day" : "days"}${h > 0 ? ` ${h} h` : ""}`;
  if (h > 0) return `${h} h${m > 0 ? ` ${m} min` : ""}`;
  return m > 9 ? `${m} min` : m > 0 ? `${m} min ${s % 60} s` : `${s} s`;
}

function count() {
  for (const time of document.querySelectorAll("time[data-until]")) {
    time.textContent = span((Date.parse(time.dateTime) - Date.now()) / 1000);
  }
}

if (document.querySelector("time[data-until]")) {
  count();
  setInterval(count, 1000);
}

// ---- copying

async function copy(button) {
  const part = document.getElementById(button.dataset.copy);
  if (!part) return;
  const label = button.firstChild;
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(part.innerText.trimEnd());
    label.textContent = "Copied";
    say("Copied");
  } catch {
    // Refused by the browser: at least it is selected.
    getSelection().selectAllChildren(part);
    label.textContent = "Selected";
    say("Selected, press Control C");
  }
  setTimeout(() => { label.textContent = before; }, 2000);
}

function showCopyButtons(root) {
  for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}
showCopyButtons(document);

// ---- parts of a page that refresh themselves

const parts = [...document.querySelectorAll("[data-refresh][id]")];
let failures = 0;

async function refresh() {
  if (document.hidden) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" }, credentials: "same-origin", redirect: "manual" });
  if (!answer.ok) throw new Error("no page");
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of parts) {
    const now = fresh.getElementById(part.id);
    if (!now || words(now) === words(part)) continue;
    if (part.dataset.refresh === "quick") {
      // Its state has changed, and with it what can be done: the whole page is another one.
      if (!isBeingWritten()) location.reload();
      else say("The request has changed. Reload the page to see it.");
      continue;
    }
    const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    part.replaceChildren(...now.childNodes);
    if (focused) part.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
    say("The list has changed.");
  }
}

// What it says without the time that is left, which changes every second.
function words(part) {
  const still = part.cloneNode(true);
  for (const time of still.querySelectorAll("time[data-until]")) time.remove();
  return still.textContent.replace(/\s+/g, " ").trim();
}

function isBeingWritten() {
  return [...document.querySelectorAll("textarea")].some((field) => field.value !== field.defaultValue);
}

function later() {
  setTimeout(async () => {
    try {
      await refresh();
      failures = 0;
    } catch {
      failures = Math.min(failures + 1, 5);
    }
    later();
  }, REFRESH_MS * 2 ** failures);
}
if (parts.length > 0) later();

// ---- nothing is sent twice

document.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (event.target.dataset.sent) return event.preventDefault();
  event.target.dataset.sent = "yes";
});
addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// ---- shortcuts

const places = { h: "/console", n: "/console/new", a: "/console/approvals", s: "/console/sessions", p: "/console/policies", u: "/console/audit", m: "/console/me" };
const dialog = document.getElementById("shortcuts");
const off = document.getElementById("shortcuts-off");
let afterG = false;

function isOff() {
  return localStorage.getItem("shortcuts") === "off";
}

if (off) {
  off.checked = isOff();
  off.addEventListener("change", () => localStorage.setItem("shortcuts", off.checked ? "off" : "on"));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(button);
  if (event.target.closest("[data-open='shortcuts']") && dialog?.showModal) {
    event.preventDefault();
    dialog.showModal();
  }
});

function step(by) {
  const rows = [...document.querySelectorAll("a.row")];
  if (rows.length === 0) return;
  const at = rows.indexOf(document.activeElement);
  rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))].focus();
}

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, dialog[open]") !== null;
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "?" && dialog) return dialog.showModal();
  if (isOff()) return;
  if (afterG) {
    afterG = false;
    const link = document.querySelector(`.nav a[href="${places[event.key]}"], .account a[href="${places[event.key]}"]`);
    if (link) link.click();
    else if (event.key === "n" && document.querySelector(".nav")) location.assign(places.n);
    return;
  }
  if (event.key === "g") {
    afterG = true;
    setTimeout(() => { afterG = false; }, 1500);
  } else if (event.key === "j") step(1);
  else if (event.key === "k") step(-1);
  else if (event.key === "/") {
    const field = document.querySelector("main input:not([type=hidden]), main textarea");
    if (field) {
      event.preventDefault();
      field.focus();
    }
  }
});
