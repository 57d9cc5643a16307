// Building the page. Text becomes text nodes and nothing else: no function here takes HTML.

/** An element. `attributes` may hold `dataset`, `on` (event -> handler) and plain attributes; null children are left out. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "dataset") for (const [key, item] of Object.entries(value)) node.dataset[key] = item;
    else if (name === "on") for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** A link that leads out of the page; for any scheme but http, https and mailto, the label alone. */
export function link(url, ...label) {
  const target = String(url);
  if (!/^(https?:\/\/|mailto:)/i.test(target)) return el("span", { class: "dead-link" }, ...label);
  return el("a", { href: target, target: "_blank", rel: "noopener noreferrer" }, ...label);
}

/** What Slack's three entities stand for, decoded once. */
export function decode(text) {
  return text.replace(/&(amp|lt|gt);/g, (_, name) => ({ amp: "&", lt: "<", gt: ">" })[name]);
}

/** Send JSON to the server, and read its JSON answer. */
export async function post(path, value) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(value),
  });
  return response.json();
}
