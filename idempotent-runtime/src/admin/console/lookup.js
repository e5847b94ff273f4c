// The look-up of a key by the parts of its address. The key and the principal leave the page when
// the entry is found.

import { ask } from "./api.js";
import { byId, element, offerIn, show } from "./dom.js";
import { buttons, description, digits, meaning, seen, stateName, words } from "./entry.js";
import { forget } from "./forget.js";
import { resolve } from "./resolve.js";

const form = byId("lookup-form");
const found = byId("found");
const ACTIONS = { resolve, forget };
const value = (id) => byId(id).value.trim();

/** The entry that is shown. */
let shown = null;

function choose() {
  for (const field of form.querySelectorAll("[data-for]")) {
    show(field, field.dataset.for.split(" ").includes(value("scope")));
  }
}

/** The parts of each scope, as the scope takes them. */
const PARTS = {
  endpoint: () => ({ scope: "endpoint", method: method(), route: value("route") }),
  resource: () => ({ scope: "resource", method: method(), path: value("path") }),
  group: () => ({ scope: `group:${value("group")}` }),
  global: () => ({ scope: "global" }),
  operation: () => ({ operation: value("operation") }),
};

const method = () => value("method").toUpperCase();

function selector() {
  if (value("scope") === "address") return { address: value("address").toLowerCase() };
  const parts = { ...PARTS[value("scope")](), key: value("key") };
  for (const name of ["principal", "namespace"]) {
    // Not trimmed: a space may be a part of a name.
    if (byId(name).value) parts[name] = byId(name).value;
  }
  return parts;
}

/** The first field that is needed and empty. */
const missing = () =>
  [...form.querySelectorAll(".field:not([hidden]) > input:not([data-optional])")].find((input) => !input.value.trim());

async function look(event) {
  event.preventDefault();
  const empty = missing();
  form.querySelectorAll("[aria-invalid]").forEach((field) => field.removeAttribute("aria-invalid"));
  if (empty) {
    empty.setAttribute("aria-invalid", "true");
    empty.focus();
    return say(`Fill in: ${empty.id}.`);
  }
  const answer = await inspect(selector());
  if (answer.is === "done") forgetTyped();
}

async function inspect(entry) {
  const button = form.querySelector("[type=submit]");
  button.setAttribute("aria-busy", "true");
  const answer = await ask("inspect", { entry });
  button.removeAttribute("aria-busy");
  if (answer.is === "done") draw(seen(answer.data));
  else if (answer.is === "locked") say("Nothing was looked up: the token is not accepted any more. Enter another one, and look up again.");
  else if (answer.detail) say(answer.detail);
  return answer;
}

function say(text) {
  shown = null;
  found.replaceChildren(element("p", { className: "trouble", role: "alert" }, text));
}

function draw(entry) {
  shown = entry;
  const address = element("dl", { className: "pairs" }, element("dt", {}, "Address"), element("dd", { className: "mono" }, entry.address));
  const again = element("button", { type: "button", onclick: () => inspect({ address: entry.address }) }, "Look again");
  const actions = [...buttons(entry, (name) => ACTIONS[name](entry)), again];
  byId("found-said").textContent = `${words(entry)}: ${stateName(entry)}. ${meaning(entry)}`;
  found.replaceChildren(...description(entry), address, element("div", { className: "actions" }, ...actions));
}

/** Entries may have changed: what is shown is looked at again. */
export async function changed() {
  const entry = shown;
  if (!entry) return;
  const answer = await ask("inspect", { entry: { address: entry.address } });
  if (answer.is === "done") draw(seen(answer.data));
  else if (answer.code === "not_found") say(`Key ${digits(entry)} is free: the next request with it runs.`);
}

/** Routes and operations that were called so far, to choose from. */
export const offer = (routes) => offerIn(byId("routes"), routes);

function forgetTyped() {
  ["key", "principal", "address"].forEach((id) => (byId(id).value = ""));
}

/** Forgets what was typed and what was found. */
export function clear() {
  form.reset();
  choose();
  shown = null;
  byId("found-said").textContent = "";
  found.replaceChildren();
}

form.addEventListener("change", choose);
form.addEventListener("submit", look);
byId("lookup-clear").addEventListener("click", () => {
  clear();
  byId("scope").focus();
});
// A page that is shown again, from the browser's memory or a reload, holds nothing that was typed.
addEventListener("pagehide", clear);
choose();
