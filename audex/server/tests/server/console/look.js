// Returns what is wrong with the page for somebody who cannot see well, has a small screen, or uses no mouse.
(() => {
  const wrong = [];
  const name = (part) => `${part.tagName.toLowerCase()}${part.id ? `#${part.id}` : ""}${part.className ? `.${part.className}` : ""}`;
  const isSeen = (part) => part.checkVisibility({ visibilityProperty: true }) && !part.closest(".unseen, .skip, dialog:not([open])");

  const width = document.documentElement.scrollWidth;
  if (width > WIDTH) {
    const wide = [...document.querySelectorAll("body *")].filter((part) => part.getBoundingClientRect().right > WIDTH + 1);
    wrong.push(`scrolls sideways: ${width} > ${WIDTH}: ${wide.slice(0, 5).map(name)}`);
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("not one h1");
  for (const landmark of ["header", "main", "footer"]) {
    if (document.querySelectorAll(`body > ${landmark}`).length !== 1) wrong.push(`not one ${landmark}`);
  }
  if (document.documentElement.lang !== "en") wrong.push("no language");
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
    if (!isSeen(heading)) continue;
    const own = Number(heading.tagName[1]);
    if (own > level + 1) wrong.push(`h${own} after h${level}: ${heading.textContent}`);
    level = own;
  }
  const ids = [...document.querySelectorAll("[id]")].map((part) => part.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`id twice: ${id}`);
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (field.labels.length === 0 && !field.hasAttribute("aria-hidden")) wrong.push(`no label: ${name(field)}`);
    for (const id of (field.getAttribute("aria-describedby") || "").split(" ").filter(Boolean)) {
      if (!document.getElementById(id)) wrong.push(`described by nothing: ${id}`);
    }
  }
  for (const part of document.querySelectorAll("a, button")) {
    if (isSeen(part) && part.textContent.trim() === "") wrong.push(`says nothing: ${name(part)}`);
    const box = part.getBoundingClientRect();
    if (isSeen(part) && part.matches("button, .button, .nav a") && Math.min(box.width, box.height) < 24) wrong.push(`too small: ${name(part)}`);
  }
  for (const image of document.images) if (!image.hasAttribute("alt")) wrong.push("an image without alt");
  if (document.querySelector("[style], style, script:not([src])")) wrong.push("something inline");

  // WCAG 2.2, 1.4.3: the contrast of every text with what is behind it.
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (part) => {
    for (let up = part; up; up = up.parentElement) {
      const colour = parse(getComputedStyle(up).backgroundColor);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (walker.nextNode()) {
    const part = walker.currentNode.parentElement;
    if (walker.currentNode.textContent.trim() === "" || !isSeen(part) || part.closest("script, noscript, svg")) continue;
    const style = getComputedStyle(part);
    const [a, b] = [light(parse(style.color)), light(behind(part))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (ratio < needed) seen.add(`contrast ${ratio.toFixed(2)}: ${name(part)} "${part.textContent.trim().slice(0, 30)}"`);
  }
  wrong.push(...seen);
  return wrong;
})()
