// The list of stuck keys, page by page, and kept up to date.

import { ask } from "./api.js";
import { byId, element, offerIn, reconcile, show, tell } from "./dom.js";
import { buttons, description, seen } from "./entry.js";
import { forget } from "./forget.js";
import { plural } from "./format.js";
import { resolve } from "./resolve.js";

const list = byId("stuck-list");
const more = byId("stuck-more");
const badge = byId("stuck-count");
const filter = byId("stuck-endpoint");
const ACTIONS = { resolve, forget };

/** Entries of a page, and the most that the scope gives at a time. */
const PAGE = 50;
const MOST = 1000;

let entries = [];
let next = null;
let wanted = PAGE;

/** Endpoints that were seen, to choose from. */
const endpoints = new Set();

const chosen = () => filter.value.trim();

/** A page of the chosen endpoint. It is dropped if another one is chosen meanwhile. */
async function ofChosen(parameters) {
  const endpoint = chosen();
  const query = new URLSearchParams(endpoint ? { ...parameters, endpoint } : parameters);
  const answer = await ask(`stuck?${query}`);
  return endpoint === chosen() ? answer : { is: "dropped" };
}

/** Reads anew what is shown. */
export async function refresh() {
  const all = new Map();
  let answer, after;
  do {
    const limit = Math.min(wanted - all.size, MOST);
    answer = await ofChosen(after ? { limit, after } : { limit });
    if (answer.is !== "done") return told(answer);
    answer.data.entries.map(seen).forEach((entry) => all.set(entry.address, entry));
    after = answer.data.next;
  } while (after && wanted > MOST && all.size < wanted);
  entries = [...all.values()];
  return told(answer);
}

async function readOn() {
  more.setAttribute("aria-busy", "true");
  const answer = await ofChosen({ limit: PAGE, after: next });
  more.removeAttribute("aria-busy");
  if (answer.is === "done") {
    const known = new Set(entries.map((entry) => entry.address));
    entries.push(...answer.data.entries.map(seen).filter((entry) => !known.has(entry.address)));
    wanted = Math.max(wanted, entries.length);
  }
  told(answer);
}

/** Reads the list of the endpoint that was chosen. */
function choose(event) {
  event.preventDefault();
  wanted = PAGE;
  return refresh();
}

function told(answer) {
  if (answer.is === "done") {
    next = answer.data.next;
    tell(byId("stuck-trouble"));
    draw();
  } else if (answer.detail) {
    tell(byId("stuck-trouble"), `The list could not be read. ${answer.detail}`);
    show(byId("stuck-loading"), false);
  }
  return answer;
}

function draw() {
  const held = list.contains(document.activeElement) && document.activeElement.closest("li");
  const place = held ? [...list.children].indexOf(held) : -1;
  reconcile(list, entries, (entry) => entry.address, make, update);
  if (held && !held.isConnected) focusNear(place);
  const isEmpty = entries.length === 0;
  badge.textContent = next ? `${plural(entries.length, "key")} and more` : plural(entries.length, "key");
  badge.classList.toggle("none", isEmpty && !next);
  document.title = `${isEmpty ? "" : `(${entries.length}${next ? "+" : ""}) `}Idempotency console`;
  show(more, next !== null);
  more.textContent = isEmpty ? "Look further" : "Show more";
  show(byId("stuck-loading"), false);
  drawEmpty(isEmpty);
  offer();
}

/** Lets an endpoint be chosen, once there is a choice. */
function offer() {
  entries.forEach(({ endpoint }) => endpoint && endpoints.add(endpoint));
  show(byId("stuck-filter"), endpoints.size > 0);
  offerIn(byId("stuck-endpoints"), [...endpoints].sort());
}

function drawEmpty(isEmpty) {
  const [title, text] = next
    ? ["Nothing is stuck so far", "The store has more keys than one look goes through."]
    : ["Nothing is stuck", chosen() ? `At ${chosen()}, that is.` : "Every key that was used has its outcome, or runs."];
  byId("stuck-empty").firstElementChild.textContent = title;
  byId("stuck-empty").lastElementChild.textContent = text;
  show(byId("stuck-empty"), isEmpty);
}

function make() {
  return element("li", { className: "entry" }, element("div", { className: "told" }), element("div", { className: "actions" }));
}

function update(row, entry) {
  const [text, actions] = row.children;
  text.replaceChildren(...description(entry));
  // Buttons stay, with the focus, as long as they are the same.
  if (row.dataset.state !== entry.state) {
    actions.replaceChildren(...buttons(entry, (name) => ACTIONS[name](row.entry)));
    row.dataset.state = entry.state;
  }
  row.entry = entry;
}

/** An entry has gone that had the focus: the one in its place gets it. */
function focusNear(place) {
  const row = list.children[Math.min(place, list.children.length - 1)];
  (row?.querySelector("button") ?? byId("stuck")).focus();
}

/** Forgets all that was read. */
export function clear() {
  entries = [];
  next = null;
  wanted = PAGE;
  endpoints.clear();
  offerIn(byId("stuck-endpoints"), []);
  filter.value = "";
  show(byId("stuck-filter"), false);
  list.replaceChildren();
  badge.textContent = "";
  [more, byId("stuck-empty"), byId("stuck-trouble")].forEach((shown) => show(shown, false));
  show(byId("stuck-loading"));
  document.title = "Idempotency console";
}

more.addEventListener("click", readOn);
filter.addEventListener("change", choose);
byId("stuck-filter").addEventListener("submit", choose);
