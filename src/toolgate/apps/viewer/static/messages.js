// The conversation as the model saw it, and what it answered.

import { el } from "./element.js";
import { count, several } from "./words.js";

const LONG = 1200;

export function drawMessages(turn) {
  const { conversation, message } = turn.trace;
  const results = new Map(conversation.messages.filter((one) => one.role === "tool").map((one) => [one.tool_call_id, one]));
  const filled = turn.trace.repairs?.some((repair) => repair.kind === "result_filled");
  const tools = conversation.tools ?? [];
  return el(
    "div",
    {},
    tools.length ? el("details", {}, el("summary", {}, `${several(tools.length, "tool")} declared: `, el("span.mono", {}, tools.map((tool) => tool.name).join(", "))), el("pre", { tabindex: "0" }, JSON.stringify(tools, null, 2))) : null,
    el("ol.messages", {}, conversation.messages.map((one) => drawMessage(one, results, filled)), drawAnswer(message)),
  );
}

function drawMessage(message, results, filled) {
  const calls = (message.tool_calls ?? []).map((call) => drawCall(call, results.has(call.id) ? (filled ? "answered, perhaps by toolgate" : "answered") : "no result"));
  const reasoning = message.reasoning_content ?? message.reasoning;
  const who = message.role === "tool" ? `tool ${message.name ?? ""}` : message.role;
  return el("li", { "data-role": message.role }, el("h4", {}, who), reasoning ? el("div.reasoning", {}, fold(reasoning)) : null, drawContent(message.content), calls);
}

function drawAnswer(message) {
  const isSilent = !message.content && !message.tool_calls?.length;
  return el(
    "li.answer",
    { "data-role": "assistant" },
    el("h4", {}, "assistant: this answer"),
    message.reasoning ? el("div.reasoning", {}, fold(message.reasoning)) : null,
    message.content ? el("div.text", {}, fold(message.content)) : null,
    isSilent ? el("p.soft", {}, message.finish_reason ? "No word and no call." : "Nothing yet.") : null,
    (message.tool_calls ?? []).map((call) => drawCall(call, "")),
  );
}

function drawCall(call, fate) {
  return el("div.made", {}, el("span.mono", {}, `${call.name} ${call.arguments.length > LONG ? `${call.arguments.slice(0, LONG)} …` : call.arguments}`), fate ? el(`span.chip${fate === "no result" ? ".bad" : ""}`, {}, fate) : null);
}

function drawContent(content) {
  if (!content) return null;
  if (typeof content === "string") return el("div.text", {}, fold(content));
  return el("div.text", {}, content.map((part) => el("span", {}, part.type === "text" ? fold(part.text) : `[${part.kind}]`)));
}

function fold(text) {
  if (text.length <= LONG) return text;
  const button = el("button.fold", { type: "button", onclick: () => button.replaceWith(text.slice(LONG)) }, `${count(text.length - LONG)} characters more`);
  return [text.slice(0, LONG), button];
}
