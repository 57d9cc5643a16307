// The page: what the workspace holds, drawn again whenever it changes.
import { el, link, post } from "./dom.js";
import { readInputs, renderBlocks, textObject } from "./blocks.js";
import { emoji, mrkdwn } from "./mrkdwn.js";

const $ = (selector) => document.querySelector(selector);
const shown = { channel: null, thread: null };
const seen = new Map(); // channel id -> ts up to which the person at the keyboard has read
const seenReplies = new Map(); // thread ts -> ts
let state = null;
let drawnView = "";
let firstDraw = true;

const names = {
  user: (id) => state.users.find((user) => user.id === id)?.name,
  usergroup: (id) => state.usergroups[id],
  channel: (id) => state.channels.find((channel) => channel.id === id)?.name,
};
const channelOf = (id) => state.channels.find((channel) => channel.id === id);
const isTop = (message) => !message.thread_ts || message.thread_ts === message.ts || message.subtype === "thread_broadcast";
const replies = (channel, ts) => channel.messages.filter((message) => message.thread_ts === ts && message.ts !== ts);
const newest = (messages) => messages.reduce((last, message) => (message.ts > last ? message.ts : last), "0");

// --- drawing ---

let asked = 0, drawn = 0;

async function refresh() {
  const number = ++asked;
  const answer = await (await fetch("page/state")).json();
  if (number < drawn) return; // answers overtake each other: what was asked for earlier is older
  drawn = number;
  state = answer;
  readAddress();
  draw();
}

function draw() {
  if (!channelOf(shown.channel)) shown.channel = state.channels[0]?.id ?? null;
  if (firstDraw) {
    // What was there before the page was opened is not news.
    for (const channel of state.channels) {
      seen.set(channel.id, newest(channel.messages));
      for (const message of channel.messages) if (message.latest_reply) seenReplies.set(message.ts, message.latest_reply);
    }
  }
  const channel = channelOf(shown.channel);
  $("[data-team]").textContent = state.team;
  drawThread(channel);
  drawChannel(channel);
  drawSidebar();
  drawModal();
  firstDraw = false;
  document.body.dataset.ready = "true";
  document.body.dataset.version = state.version;
}

function drawSidebar() {
  let total = 0;
  const items = state.channels.map((channel) => {
    const unread = channel.messages.filter((message) => isTop(message) && message.ts > (seen.get(channel.id) ?? "0")).length;
    total += unread;
    return el("li", {}, el("button", {
      type: "button",
      class: `${unread ? "unread" : ""}`,
      "aria-current": channel.id === shown.channel ? "page" : undefined,
      dataset: { channel: channel.id, channelLink: channel.name },
      on: { click: () => go(channel.id) },
    }, el("span", { class: "hash", "aria-hidden": "true" }, channel.is_private ? "🔒" : "#"), el("span", { class: "name" }, channel.name),
    unread ? el("span", { class: "badge", dataset: { badge: channel.id }, "aria-label": `${unread} new` }, String(unread)) : null));
  });
  $("[data-channels]").replaceChildren(...items);
  $("[data-people]").replaceChildren(...state.users.filter((user) => !user.is_bot).map((user) =>
    el("li", {}, el("button", {
      type: "button",
      "aria-pressed": String(user.id === state.me),
      dataset: { user: user.name },
      on: { click: () => post("page/user", { user: user.id }) },
    }, avatar(user), el("span", { class: "name" }, user.real_name)))));
  const badge = $("[data-menu-badge]");
  badge.hidden = !total;
  badge.textContent = total;
  document.title = `${total ? `(${total}) ` : ""}#${channelOf(shown.channel)?.name ?? ""} - ${state.team}`;
}

function drawChannel(channel) {
  $("[data-channel-name]").textContent = channel ? `${channel.is_private ? "🔒" : "#"} ${channel.name}` : "";
  $("#composer-input").placeholder = channel ? `Message #${channel.name}, or /command` : "";
  const pane = $("[data-messages]");
  const messages = channel ? channel.messages.filter(isTop) : [];
  const unreadFrom = channel ? seen.get(channel.id) ?? "0" : "0";
  const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 80;
  if (pane.dataset.drawn !== shown.channel) pane.replaceChildren();
  pane.dataset.drawn = shown.channel ?? "";
  reconcile(pane, messages, channel, false);
  if (!messages.length) pane.replaceChildren(el("p", { class: "empty", dataset: { empty: "" } }, channel ? `This is the very beginning of #${channel.name}. Nothing has been posted yet.` : "No channels."));
  if (atEnd || firstDraw) pane.scrollTop = pane.scrollHeight;
  if (channel && document.visibilityState === "visible") {
    for (const message of messages) {
      if (message.ts > unreadFrom && !firstDraw) pane.querySelector(`[data-ts="${CSS.escape(message.ts)}"]`)?.classList.add("fresh");
    }
    seen.set(channel.id, newest(channel.messages.filter(isTop)));
  }
}

function drawThread(channel) {
  const panel = $("[data-thread]");
  const parent = channel?.messages.find((message) => message.ts === shown.thread);
  panel.hidden = !parent;
  document.body.classList.toggle("with-thread", Boolean(parent));
  if (!parent) {
    shown.thread = null;
    return;
  }
  $("[data-thread-channel]").textContent = `# ${channel.name}`;
  const pane = $("[data-thread-messages]");
  if (pane.dataset.drawn !== parent.ts) pane.replaceChildren();
  const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < 80;
  pane.dataset.drawn = parent.ts;
  reconcile(pane, [parent, ...replies(channel, parent.ts)], channel, true);
  if (atEnd) pane.scrollTop = pane.scrollHeight;
  if (parent.latest_reply) seenReplies.set(parent.ts, parent.latest_reply);
}

/** Make the pane show these messages, touching only those that changed: focus and selection stay where they are. */
function reconcile(pane, messages, channel, inThread) {
  const old = new Map([...pane.querySelectorAll(":scope > [data-ts]")].map((node) => [node.dataset.ts, node]));
  const nodes = [];
  let previous = null;
  for (const message of messages) {
    const day = dayOf(message.ts);
    if (!inThread && day !== (previous && dayOf(previous.ts))) nodes.push(el("div", { class: "day" }, el("span", {}, day)));
    const fresh = (message.latest_reply ?? "0") > (seenReplies.get(message.ts) ?? "0");
    const content = JSON.stringify([message, state.listening, state.me === message.ephemeral_to, fresh, inThread]);
    const kept = old.get(message.ts);
    if (kept && kept.drawnFrom === content) nodes.push(kept);
    else {
      const node = drawMessage(message, channel, inThread, fresh);
      node.drawnFrom = content;
      if (kept?.contains(document.activeElement)) {
        const { actionId } = document.activeElement.dataset;
        if (actionId) queueMicrotask(() => node.querySelector(`[data-action-id="${CSS.escape(actionId)}"]`)?.focus());
      }
      nodes.push(node);
    }
    if (inThread && message === messages[0] && messages.length > 1) {
      nodes.push(el("div", { class: "reply-count" }, el("span", {}, count(messages.length - 1, "reply", "replies"))));
    }
    previous = message;
  }
  // A node that is taken out and put back loses the focus: take out what goes first, then put in what is new.
  const staying = new Set(nodes);
  for (const child of [...pane.childNodes]) if (!staying.has(child)) child.remove();
  nodes.forEach((node, index) => { if (pane.childNodes[index] !== node) pane.insertBefore(node, pane.childNodes[index] ?? null); });
}

function drawMessage(message, channel, inThread, fresh) {
  const author = state.users.find((user) => user.id === message.user) ?? { id: "", name: "unknown", real_name: "Unknown", is_bot: true };
  const moment = new Date(Number(message.ts) * 1000);
  const context = {
    names,
    listening: state.listening,
    act: (block, element, value, node) => act(channel, message, block, element, value, node),
  };
  return el("article", {
    class: `message ${message.ephemeral_to ? "ephemeral" : ""} ${isHot(message) ? "hot" : ""}`,
    dataset: { role: "message", ts: message.ts, ...(message.edited ? { edited: "" } : {}) },
    "aria-label": `${message.username ?? author.real_name}, ${timeOf(moment)}`,
  },
  avatar(author),
  el("div", { class: "body" },
    message.ephemeral_to ? el("p", { class: "note", dataset: { ephemeral: "" } }, "👁 Only visible to you") : null,
    message.subtype === "thread_broadcast"
      ? el("p", { class: "note", dataset: { broadcast: "" } }, inThread ? "↪\ufe0e also sent to the channel" : ["↪\ufe0e replied to a thread: ", el("button", { type: "button", class: "linklike", on: { click: () => go(channel.id, message.thread_ts) } }, snippet(channel, message.thread_ts))])
      : null,
    el("div", { class: "byline" },
      el("strong", { class: "author" }, message.username ?? author.real_name),
      author.is_bot ? el("span", { class: "app-tag" }, "APP") : null,
      el("time", { datetime: moment.toISOString(), title: moment.toString() }, timeOf(moment))),
    el("div", { class: "content" },
      message.blocks?.length
        ? [renderBlocks(message.blocks, context), edited(message)]
        : el("div", { class: "text", dataset: { text: "" } }, mrkdwn(message.text ?? "", names), edited(message))),
    (message.attachments ?? []).map((attachment) => drawAttachment(attachment, context)),
    (message.files ?? []).map(drawFile),
    message.reactions?.length ? el("div", { class: "reactions", dataset: { reactions: "" } }, message.reactions.map((reaction) => el("span", { class: "reaction" }, emoji(reaction.name), ` ${reaction.count}`))) : null,
    el("p", { class: "problem", role: "alert", hidden: true, dataset: { problem: "" } }),
    !inThread && message.reply_count
      ? el("button", { type: "button", class: "thread-link", dataset: { openThread: message.ts }, on: { click: () => go(channel.id, message.ts) } },
        (message.reply_users ?? []).slice(0, 4).map((id) => avatar(state.users.find((user) => user.id === id) ?? author, "small")),
        el("span", { class: "count" }, count(message.reply_count, "reply", "replies")),
        fresh ? el("span", { class: "badge", dataset: { newReplies: "" } }, "new") : null,
        el("span", { class: "last" }, `Last reply ${timeOf(new Date(Number(message.latest_reply) * 1000))}`))
      : null,
  ),
  inThread || message.ephemeral_to ? null : el("div", { class: "hover-actions" },
    el("button", { type: "button", "aria-label": "Reply in a thread", title: "Reply in a thread", dataset: { reply: message.ts }, on: { click: () => go(channel.id, message.thread_ts ?? message.ts) } }, "💬")));
}

function drawFile(file) {
  const address = `files/${encodeURIComponent(file.id)}`;
  const card = el("a", { class: "file", href: address, download: "", dataset: { file: file.id } },
    el("span", { class: "file-icon", "aria-hidden": "true" }, "📄"), el("span", {}, el("strong", {}, file.title), el("small", {}, `${file.name} · ${size(file.size)}`)));
  if (file.mimetype !== "image/png") return card;
  return el("figure", { class: "picture", dataset: { picture: file.id } },
    el("figcaption", {}, file.title),
    el("a", { href: `${address}/picture`, target: "_blank", rel: "noopener" },
      el("img", { src: `${address}/picture`, alt: file.alt_txt || file.title, loading: "lazy" })));
}

function drawAttachment(attachment, context) {
  const box = el("div", { class: "attachment", dataset: { attachment: "" } },
    attachment.pretext ? el("div", {}, mrkdwn(attachment.pretext, names)) : null,
    attachment.author_name ? el("div", { class: "attachment-author" }, attachment.author_name) : null,
    attachment.title ? el("div", { class: "attachment-title" }, attachment.title_link ? link(attachment.title_link, attachment.title) : attachment.title) : null,
    attachment.blocks?.length ? renderBlocks(attachment.blocks, context) : null,
    attachment.text ? el("div", {}, mrkdwn(attachment.text, names)) : null,
    !attachment.blocks?.length && !attachment.text && attachment.fallback ? el("div", {}, mrkdwn(attachment.fallback, names)) : null,
    attachment.fields?.length ? el("div", { class: "fields" }, attachment.fields.map((field) => el("div", { class: "field" }, el("strong", {}, field.title), el("br"), mrkdwn(field.value ?? "", names)))) : null,
    attachment.footer ? el("div", { class: "attachment-footer" }, attachment.footer) : null);
  const named = { good: "#2eb67d", warning: "#daa038", danger: "#e01e5a" };
  const color = Object.hasOwn(named, attachment.color ?? "") ? named[attachment.color] : /^#?[0-9a-f]{6}$/i.test(attachment.color ?? "") ? `#${attachment.color.replace("#", "")}` : "#dddddd";
  box.style.borderLeftColor = color;
  box.dataset.color = color;
  return box;
}

// --- pieces ---

const HUES = ["#1264a3", "#007a5a", "#8d3c9c", "#b0561a", "#5b5fc7"];

function avatar(user, kind = "") {
  const node = el("span", { class: `avatar ${kind} ${user.is_bot ? "bot" : ""}`, "aria-hidden": "true" }, user.is_bot ? "🛡️" : user.real_name.slice(0, 1));
  if (!user.is_bot) node.style.backgroundColor = HUES[[...user.id].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % HUES.length];
  return node;
}

const isHot = (message) => new RegExp(`<@${state.me}>|<!(here|channel|everyone)>`).test(JSON.stringify([message.text, message.blocks ?? []]));
const timeOf = (moment) => new Intl.DateTimeFormat("en", { hour: "numeric", minute: "2-digit" }).format(moment);
const dayOf = (ts) => new Intl.DateTimeFormat("en", { weekday: "long", month: "long", day: "numeric" }).format(new Date(Number(ts) * 1000));
const count = (number, one, many) => `${number} ${number === 1 ? one : many}`;
const size = (bytes) => (bytes < 1024 ? `${bytes} bytes` : `${Math.ceil(bytes / 1024)} kB`);
const snippet = (channel, ts) => {
  const text = channel.messages.find((message) => message.ts === ts)?.text || "a message";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

const edited = (message) => message.edited
  ? [" ", el("span", { class: "edited", title: `Edited ${timeOf(new Date(Number(message.edited.ts) * 1000))}` }, "(edited)")]
  : null;

function toast(text) {
  const node = el("div", { class: "toast", dataset: { toast: "" } }, text);
  $("[data-toasts]").append(node);
  setTimeout(() => node.remove(), 6000);
}

// --- what the person does ---

async function act(channel, message, block, element, value, node) {
  if (element.confirm && !(await confirmed(element.confirm))) return;
  if (element.url && /^https?:\/\//i.test(element.url)) window.open(element.url, "_blank", "noopener,noreferrer");
  if (element.url && !state.listening) return;
  node.classList.add("busy");
  node.setAttribute("aria-busy", "true");
  const answer = await post("page/click", { channel: channel.id, ts: message.ts, block_id: block.block_id, action_id: element.action_id, value });
  node.classList.remove("busy");
  node.removeAttribute("aria-busy");
  const problem = answer.problem || (answer.ok ? "" : answer.error);
  for (const place of document.querySelectorAll(`[data-ts="${CSS.escape(message.ts)}"] [data-problem]`)) {
    place.textContent = problem ? `⚠️ ${problem}` : "";
    place.hidden = !problem;
  }
}

function confirmed(question) {
  const dialog = $("[data-confirm]");
  return new Promise((resolve) => {
    const answer = (value) => () => { dialog.close(); resolve(value); };
    dialog.replaceChildren(
      el("header", {}, el("h2", { id: "confirm-title" }, textObject(question.title, { names }))),
      el("div", { class: "modal-body" }, textObject(question.text, { names })),
      el("footer", {},
        el("button", { type: "button", class: "action", dataset: { deny: "" }, on: { click: answer(false) } }, textObject(question.deny, { names })),
        el("button", { type: "button", class: `action ${question.style ?? "primary"}`, dataset: { accept: "" }, on: { click: answer(true) } }, textObject(question.confirm, { names }))));
    dialog.oncancel = () => resolve(false);
    dialog.showModal();
  });
}

function drawModal() {
  const dialog = $("[data-modal]");
  const { view } = state;
  const key = view ? `${view.id} ${view.hash}` : "";
  if (key === drawnView) return;
  drawnView = key;
  if (!view) {
    dialog.close();
    dialog.replaceChildren();
    return;
  }
  const context = { names, listening: true, people: state.users.filter((user) => !user.is_bot), act: () => toast("Buttons inside a modal are not drawn here.") };
  const close = async () => { const { problem } = await post("page/close", { view_id: view.id }); if (problem) toast(problem); };
  const failure = el("p", { class: "problem", role: "alert", hidden: true, dataset: { modalProblem: "" } });
  const form = el("form", { novalidate: true, on: { submit: async (event) => {
    event.preventDefault();
    const submit = form.querySelector("[data-submit]");
    submit.disabled = true;
    const answer = await post("page/submit", { view_id: view.id, values: readInputs(view, form) });
    submit.disabled = false;
    for (const place of form.querySelectorAll("[data-error-for]")) {
      const text = answer.errors?.[place.dataset.errorFor];
      place.hidden = !text;
      place.textContent = text ?? "";
    }
    const problem = answer.problem || (answer.ok ? "" : answer.error);
    failure.hidden = !problem;
    failure.textContent = problem ? `⚠️ ${problem}` : "";
    form.querySelector("[data-error-for]:not([hidden])")?.parentElement.querySelector("input, textarea, select")?.focus();
  } } },
  el("header", {}, el("h2", { id: "modal-title" }, textObject(view.title, context)), el("button", { type: "button", class: "close", "aria-label": "Close", dataset: { closeModal: "" }, on: { click: close } }, "✕")),
  el("div", { class: "modal-body" }, renderBlocks(view.blocks, context), failure),
  el("footer", {},
    el("button", { type: "button", class: "action", on: { click: close } }, view.close ? textObject(view.close, context) : "Cancel"),
    view.submit ? el("button", { type: "submit", class: "action primary", dataset: { submit: "" } }, textObject(view.submit, context)) : null));
  dialog.replaceChildren(form);
  dialog.oncancel = (event) => { event.preventDefault(); close(); };
  if (!dialog.open) dialog.showModal();
  form.querySelector("input, textarea, select")?.focus();
}

function compose(form, threadOf) {
  const box = form.querySelector("textarea");
  const send = async (event) => {
    event.preventDefault();
    const text = box.value;
    if (!text.trim()) return;
    box.value = "";
    grow();
    const answer = await post("page/say", { channel: shown.channel, text, thread_ts: threadOf() });
    const problem = answer.problem || (answer.ok ? "" : answer.error);
    if (problem) toast(problem);
  };
  const grow = () => { box.style.height = "auto"; box.style.height = `${Math.min(box.scrollHeight, 160)}px`; };
  form.addEventListener("submit", send);
  box.addEventListener("input", grow);
  box.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey && !event.isComposing) send(event); });
}

// --- where we are ---

function go(channel, thread = null) {
  menu(false);
  const target = `#${channel}${thread ? `/${thread}` : ""}`;
  if (location.hash === target) return;
  location.hash = target;
}

function readAddress() {
  const match = /^#(C\w+)(?:\/(\d+\.\d+))?$/.exec(location.hash);
  if (!match) return;
  [, shown.channel, shown.thread = null] = match;
}

function menu(open) {
  document.body.classList.toggle("menu-open", open);
  $("[data-menu]").setAttribute("aria-expanded", String(open));
}

compose($("[data-composer]"), () => "");
compose($("[data-thread-composer]"), () => shown.thread);
window.addEventListener("hashchange", () => { readAddress(); if (state) draw(); });
document.addEventListener("visibilitychange", () => { if (state) draw(); });
$("[data-menu]").addEventListener("click", () => menu(!document.body.classList.contains("menu-open")));
$("[data-close-thread]").addEventListener("click", () => go(shown.channel));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if (document.body.classList.contains("menu-open")) menu(false);
  else if (shown.thread) go(shown.channel);
});

const events = new EventSource("page/events");
events.onmessage = () => { $("[data-connection]").textContent = ""; refresh(); };
events.onerror = () => { $("[data-connection]").textContent = "Disconnected. Trying again…"; };
