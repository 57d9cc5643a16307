// Slack's own Markdown: https://docs.slack.dev/messaging/formatting-message-text
import { decode, el, link } from "./dom.js";
import { EMOJI } from "./emoji.js";

const WORD = /[\p{L}\p{N}]/u;
const STYLES = { "*": "strong", _: "em", "~": "s" };

/** mrkdwn as nodes. `names` resolves ids: {user(id), usergroup(id), channel(id)} give a name or undefined. */
export function mrkdwn(text, names, verbatim = false) {
  const context = { names, verbatim };
  return String(text).split("```").flatMap((part, index, all) => {
    // The last, unclosed fence is no fence.
    if (index % 2 === 1 && index < all.length - 1) return [el("pre", {}, code(part.replace(/^\n|\n$/g, ""), context))];
    return lines((index % 2 === 1 ? "```" : "") + part, context);
  });
}

/** Plain text: emoji shortcodes and line breaks, nothing else. */
export function plain(text, emoji = true) {
  const nodes = emoji ? shortcodes(String(text)) : [decode(String(text))];
  return nodes.flatMap((node) => (typeof node === "string" ? breaks(node) : [node]));
}

function lines(text, context) {
  const nodes = [];
  let quote = [];
  const flush = () => {
    if (quote.length) nodes.push(el("blockquote", {}, join(quote.map((line) => inline(line, context)))));
    quote = [];
  };
  const rows = text.split("\n");
  rows.forEach((row, index) => {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(row);
    if (quoted) {
      quote.push(quoted[1]);
      return;
    }
    const after = quote.length > 0;
    flush();
    if (index > 0 && !after) nodes.push(el("br"));
    nodes.push(...inline(row, context));
  });
  flush();
  return nodes;
}

const join = (rows) => rows.flatMap((row, index) => (index ? [el("br"), ...row] : row));
const breaks = (text) => join(text.split("\n").map((row) => [row]));

function inline(text, context) {
  const nodes = [];
  let literal = "";
  const flush = () => {
    if (literal) nodes.push(decode(literal));
    literal = "";
  };
  let at = 0;
  while (at < text.length) {
    const found = token(text, at, context);
    if (found) {
      flush();
      nodes.push(...found.nodes);
      at += found.length;
    } else {
      literal += text[at];
      at += 1;
    }
  }
  flush();
  return nodes;
}

function token(text, at, context) {
  const rest = text.slice(at);
  let match;
  if ((match = /^`([^`\n]+)`/.exec(rest))) return { length: match[0].length, nodes: [el("code", {}, code(match[1], context))] };
  if ((match = /^<([^<>\n]+)>/.exec(rest))) return { length: match[0].length, nodes: angle(match[1], context) };
  if ((match = /^:([a-z0-9_+'-]+):/.exec(rest)) && Object.hasOwn(EMOJI, match[1])) {
    return { length: match[0].length, nodes: [emoji(match[1])] };
  }
  if (Object.hasOwn(STYLES, rest[0]) && !WORD.test(text[at - 1] ?? " ")) {
    const end = closing(text, at);
    if (end > 0) {
      const inner = inline(text.slice(at + 1, end), context);
      return { length: end - at + 1, nodes: [el(STYLES[rest[0]], {}, inner)] };
    }
  }
  if (!context.verbatim && !WORD.test(text[at - 1] ?? " ") && (match = /^https?:\/\/[^\s<>|`*~]+[^\s<>|`*~.,;:!?)'"\]]/.exec(rest))) {
    return { length: match[0].length, nodes: [link(decode(match[0]), decode(match[0]))] };
  }
  return null;
}

/** Where the style that opens at `at` closes: not beside a space inside, not before a letter; -1 when it does not. */
function closing(text, at) {
  if (/\s/.test(text[at + 1] ?? " ") || text[at + 1] === text[at]) return -1;
  for (let end = at + 2; end < text.length; end += 1) {
    if (text[end] === text[at] && !/\s/.test(text[end - 1]) && !WORD.test(text[end + 1] ?? " ")) return end;
  }
  return -1;
}

/** Inside code only links and mentions are read. */
function code(text, context) {
  return text.split(/(<[^<>\n]+>)/).flatMap((part) => {
    if (/^<[^<>\n]+>$/.test(part)) return angle(part.slice(1, -1), context);
    return breaks(decode(part));
  });
}

function angle(content, context) {
  const bar = content.indexOf("|");
  const target = bar < 0 ? content : content.slice(0, bar);
  const label = bar < 0 ? "" : decode(content.slice(bar + 1));
  let match;
  if ((match = /^@([UW]\w+)$/.exec(target))) return [userMention(match[1], context.names, label)];
  if ((match = /^#(C\w+)$/.exec(target))) return [channelMention(match[1], context.names, label)];
  if ((match = /^!subteam\^(S\w+)$/.exec(target))) return [groupMention(match[1], context.names, label)];
  if ((match = /^!(here|channel|everyone)$/.exec(target))) return [broadcast(match[1])];
  if ((match = /^!date\^(-?\d{1,13})\^([^^]*)(?:\^(.+))?$/.exec(target))) {
    const time = date(Number(match[1]), decode(match[2]), label);
    return [match[3] ? link(decode(match[3]), time) : time];
  }
  if (/^(https?:\/\/|mailto:)/i.test(target)) return [link(decode(target), label || decode(target))];
  return [decode(`<${content}>`)];
}

export const userMention = (id, names, label = "") =>
  el("span", { class: "mention", dataset: { mention: id } }, `@${names.user(id) ?? (label || "unknown-user")}`);
export const channelMention = (id, names, label = "") =>
  el("span", { class: "mention", dataset: { mention: id } }, `#${names.channel(id) ?? (label || "unknown-channel")}`);
export const groupMention = (id, names, label = "") =>
  el("span", { class: "mention", dataset: { mention: id } }, `@${names.usergroup(id) ?? (label.replace(/^@/, "") || "unknown-group")}`);
export const broadcast = (range) =>
  el("span", { class: "mention broadcast", dataset: { mention: range } }, `@${range}`);

export function emoji(name) {
  if (!Object.hasOwn(EMOJI, name)) return `:${name}:`;
  return el("span", { class: "emoji", role: "img", "aria-label": `:${name}:`, title: `:${name}:` }, EMOJI[name]);
}

function shortcodes(text) {
  return text.split(/(:[a-z0-9_+'-]+:)/).map((part) => {
    const name = part.slice(1, -1);
    return /^:[^:]+:$/.test(part) && Object.hasOwn(EMOJI, name) ? emoji(name) : decode(part);
  });
}

/** A moment in the reader's own time zone: https://docs.slack.dev/messaging/formatting-message-text#date-formatting */
export function date(seconds, format, fallback) {
  const moment = new Date(seconds * 1000);
  if (Number.isNaN(moment.getTime())) return el("span", {}, fallback);
  const day = (options) => new Intl.DateTimeFormat("en", options).format(moment);
  const days = Math.round((new Date(moment).setHours(0, 0, 0, 0) - new Date().setHours(0, 0, 0, 0)) / 86_400_000);
  const pretty = (otherwise) => ({ "-1": "yesterday", 0: "today", 1: "tomorrow" })[days] ?? otherwise;
  const names = {
    date_num: () => `${moment.getFullYear()}-${String(moment.getMonth() + 1).padStart(2, "0")}-${String(moment.getDate()).padStart(2, "0")}`,
    date: () => day({ month: "long", day: "numeric", year: "numeric" }),
    date_short: () => day({ month: "short", day: "numeric", year: "numeric" }),
    date_long: () => day({ weekday: "long", month: "long", day: "numeric", year: "numeric" }),
    date_pretty: () => pretty(names.date()),
    date_short_pretty: () => pretty(names.date_short()),
    date_long_pretty: () => pretty(names.date_long()),
    time: () => day({ hour: "numeric", minute: "2-digit" }),
    time_secs: () => day({ hour: "numeric", minute: "2-digit", second: "2-digit" }),
    ago: () => ago(Date.now() / 1000 - seconds),
  };
  const text = format.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(names, name) ? names[name]() : whole));
  return el("time", { datetime: moment.toISOString(), title: fallback || moment.toString() }, text);
}

function ago(seconds) {
  const units = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];
  const [unit, size] = units.find(([, length]) => Math.abs(seconds) >= length) ?? units[3];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(-Math.round(seconds / size), unit);
}
