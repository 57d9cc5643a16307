// Block Kit as elements of the page: https://docs.slack.dev/reference/block-kit
import { el, link } from "./dom.js";
import { broadcast, channelMention, date, emoji, groupMention, mrkdwn, plain, userMention } from "./mrkdwn.js";

/** The blocks of a message. `context` holds `names`, `listening`, and `act(block, element, value, button)`. */
export function renderBlocks(blocks, context) {
  return blocks.map((block) =>
    el("div", { class: `block block-${block.type}`, dataset: { blockType: block.type, blockId: block.block_id ?? "" } },
      (RENDER[block.type] ?? unknown)(block, context)));
}

export function textObject(text, context) {
  if (!text) return [];
  return text.type === "mrkdwn" ? mrkdwn(text.text, context.names, text.verbatim) : plain(text.text, text.emoji !== false);
}

const unknown = (block) => [el("em", {}, `A ${block.type} block, which this page does not draw.`)];

const RENDER = {
  header: (block, context) => [el("h3", {}, textObject(block.text, context))],
  divider: () => [el("hr")],
  markdown: (block, context) => [el("div", {}, mrkdwn(block.text, context.names))],
  section: (block, context) => [
    el("div", { class: "section-body" },
      block.text ? el("div", { class: "section-text" }, textObject(block.text, context)) : null,
      block.fields ? el("div", { class: "fields" }, block.fields.map((field) => el("div", { class: "field", dataset: { field: "" } }, textObject(field, context)))) : null),
    block.accessory ? el("div", { class: "accessory" }, element(block, block.accessory, context)) : null,
  ],
  context: (block, context) => block.elements.map((item) =>
    item.type === "image" ? image(item) : el("span", {}, textObject(item, context))),
  actions: (block, context) => [
    ...block.elements.map((item) => element(block, item, context)),
    context.listening ? null : el("p", { class: "nobody", dataset: { nobodyListens: "" } }, "Nothing listens to these buttons yet."),
  ],
  image: (block, context) => [block.title ? el("p", { class: "image-title" }, textObject(block.title, context)) : null, image(block)],
  rich_text: (block, context) => block.elements.map((item) => richContainer(item, context)),
  input: (block, context) => [input(block, context)],
};

// The page loads nothing from elsewhere, so that an image is its description and a link.
const image = (item) => el("span", { class: "image" }, "🖼 ", item.image_url ? link(item.image_url, item.alt_text) : item.alt_text);

/** An interactive element of a message. */
function element(block, item, context) {
  const data = { actionId: item.action_id ?? "", blockId: block.block_id ?? "" };
  const idle = context.listening ? {} : { title: "Nothing listens: no request URL is set for this app" };
  if (item.type === "image") return image(item);
  if (item.type === "button") {
    const button = el("button", {
      type: "button",
      class: `action ${item.style ?? ""}`,
      "aria-label": item.accessibility_label,
      dataset: data,
      ...idle,
      on: { click: () => context.act(block, item, item.value, button) },
    }, textObject(item.text, context));
    if (item.url) button.append(" ↗");
    return button;
  }
  if (item.type === "static_select" || item.type === "overflow") {
    const label = item.type === "overflow" ? "⋯" : item.placeholder?.text ?? "Choose…";
    const select = el("select", {
      class: "action",
      "aria-label": item.placeholder?.text ?? "More actions",
      dataset: data,
      ...idle,
      on: { change: () => {
        const { value } = select;
        if (item.type === "overflow") select.value = "";
        if (value) context.act(block, item, value, select);
      } },
    }, el("option", { value: "" }, label), options(item).map((option) =>
      el("option", { value: option.value, selected: option.value === item.initial_option?.value }, option.text.text)));
    return select;
  }
  return el("em", {}, `A ${item.type}, which this page does not draw.`);
}

const options = (item) => item.options ?? (item.option_groups ?? []).flatMap((group) => group.options);

// --- rich text ---

function richContainer(item, context) {
  const inner = () => item.elements.map((part) => richElement(part, context));
  switch (item.type) {
    case "rich_text_preformatted": return el("pre", {}, inner());
    case "rich_text_quote": return el("blockquote", {}, inner());
    case "rich_text_list": return el(item.style === "ordered" ? "ol" : "ul",
      { start: item.offset ? item.offset + 1 : undefined, class: `indent-${Math.min(item.indent ?? 0, 5)}` },
      item.elements.map((section) => el("li", {}, section.elements.map((part) => richElement(part, context)))));
    default: return el("div", { class: "rich-section" }, inner());
  }
}

const rows = (text) => String(text).split("\n").flatMap((row, index) => (index ? [el("br"), row] : [row]));

function richElement(part, context) {
  const { names } = context;
  switch (part.type) {
    case "text": return styled(rows(part.text), part.style);
    case "link": return styled([link(part.url, part.text || part.url)], part.style);
    case "user": return userMention(part.user_id, names);
    case "usergroup": return groupMention(part.usergroup_id, names);
    case "channel": return channelMention(part.channel_id, names);
    case "broadcast": return broadcast(part.range);
    case "emoji": return emoji(part.name);
    case "date": {
      const time = date(part.timestamp, part.format, part.fallback ?? "");
      return part.url ? link(part.url, time) : time;
    }
    default: return el("code", {}, String(part.value ?? part.type));
  }
}

function styled(nodes, style = {}) {
  let result = nodes;
  for (const [name, tag] of [["code", "code"], ["strike", "s"], ["italic", "em"], ["bold", "strong"], ["underline", "u"], ["highlight", "mark"]]) {
    if (style[name]) result = [el(tag, {}, result)];
  }
  return result;
}

// --- inputs of a modal ---

function input(block, context) {
  const { element: item } = block;
  const id = `input-${block.block_id}`;
  const hint = block.hint ? `${id}-hint` : undefined;
  const common = {
    id,
    name: item.action_id,
    "aria-describedby": hint,
    dataset: { actionId: item.action_id, blockId: block.block_id, inputType: item.type },
  };
  const label = [textObject(block.label, context), block.optional ? el("span", { class: "optional" }, " (optional)") : null];
  const grouped = ["radio_buttons", "checkboxes"].includes(item.type);
  return el("div", { class: "input", dataset: { inputBlock: block.block_id } },
    grouped
      ? el("fieldset", { ...common, name: undefined }, el("legend", {}, label), choices(block, item, context))
      : [el("label", { for: id }, label), field(item, common, context)],
    el("p", { class: "error", role: "alert", dataset: { errorFor: block.block_id }, hidden: true }),
    hint ? el("p", { class: "hint", id: hint }, textObject(block.hint, context)) : null);
}

function choices(block, item, context) {
  const initial = new Set([item.initial_option, ...(item.initial_options ?? [])].filter(Boolean).map((option) => option.value));
  return options(item).map((option) => el("label", { class: "choice" },
    el("input", { type: item.type === "checkboxes" ? "checkbox" : "radio", name: block.block_id, value: option.value, checked: initial.has(option.value) }),
    el("span", {}, textObject(option.text, context), option.description ? el("small", {}, textObject(option.description, context)) : null)));
}

function field(item, common, context) {
  const placeholder = item.placeholder?.text;
  switch (item.type) {
    case "static_select": case "users_select": {
      const list = item.type === "users_select" ? context.people.map((user) => ({ value: user.id, text: { text: `@${user.name}` } })) : options(item);
      const chosen = item.initial_option?.value ?? item.initial_user;
      return el("select", common, el("option", { value: "" }, placeholder ?? "Choose…"),
        list.map((option) => el("option", { value: option.value, selected: option.value === chosen }, option.text.text)));
    }
    case "datepicker": return el("input", { ...common, type: "date", value: item.initial_date });
    case "timepicker": return el("input", { ...common, type: "time", value: item.initial_time });
    case "number_input": return el("input", { ...common, type: "number", step: item.is_decimal_allowed ? "any" : "1", value: item.initial_value });
    case "plain_text_input":
      if (item.multiline) return el("textarea", { ...common, rows: 4, placeholder, maxlength: item.max_length }, item.initial_value ?? "");
      return el("input", { ...common, type: "text", placeholder, maxlength: item.max_length, value: item.initial_value });
    default: return el("input", { ...common, type: { email_text_input: "email", url_text_input: "url" }[item.type] ?? "text", placeholder, value: item.initial_value });
  }
}

/** A modal's state as Slack sends it: block_id -> action_id -> {type, value ...}. */
export function readInputs(view, form) {
  const values = {};
  for (const block of view.blocks.filter((item) => item.type === "input")) {
    const { element: item } = block;
    const node = [...form.querySelectorAll("[data-input-type]")].find((candidate) => candidate.dataset.blockId === block.block_id);
    const chosen = () => [...node.querySelectorAll("input:checked")].map((box) => options(item).find((option) => option.value === box.value));
    const state = {
      static_select: () => ({ selected_option: options(item).find((option) => option.value === node.value) ?? null }),
      users_select: () => ({ selected_user: node.value || null }),
      datepicker: () => ({ selected_date: node.value || null }),
      timepicker: () => ({ selected_time: node.value || null }),
      radio_buttons: () => ({ selected_option: chosen()[0] ?? null }),
      checkboxes: () => ({ selected_options: chosen() }),
    }[item.type] ?? (() => ({ value: node.value || null }));
    values[block.block_id] = { [item.action_id]: { type: item.type, ...state() } };
  }
  return values;
}
