// The counters of the process that answers, and what has moved since the last look.

import { ask } from "./api.js";
import { breakable, byId, element, reconcile, show, tell } from "./dom.js";
import { bytes, count, plural } from "./format.js";
import { offer } from "./lookup.js";

/** Outcomes that somebody should look at. */
const BAD = new Set("abandoned fenced panicked not_stored response_not_stored store_error too_many_keys never_began".split(" "));
const PAGE = 12;
/** Time for which a change is marked, in milliseconds. */
const MARKED = 6000;

const list = byId("endpoints");
const more = byId("endpoints-more");

/** Numbers by endpoint and outcome, and what has moved lately. */
let before = new Map();
let moved = new Map();
let last = [];
let isWhole = false;

const id = (endpoint) => JSON.stringify([endpoint.handler, endpoint.route]);
const number = (endpoint, outcome) => JSON.stringify([endpoint.handler, endpoint.route, outcome]);
const sum = (endpoint, isMeant) =>
  Object.entries(endpoint.outcomes).reduce((all, [outcome, n]) => all + (isMeant(outcome) ? n : 0), 0);
const trouble = (endpoint) => sum(endpoint, (outcome) => BAD.has(outcome));

export async function refresh() {
  const answer = await ask("counters");
  if (answer.is === "done") draw(answer.data);
  else if (answer.detail) tell(byId("counters-note"), `The counters could not be read. ${answer.detail}`);
  return answer;
}

function draw(data) {
  compare(data.endpoints);
  last = data.endpoints.toSorted((a, b) => trouble(b) - trouble(a) || sum(b, () => true) - sum(a, () => true));
  offer([...new Set(last.map((endpoint) => endpoint.route).filter(Boolean))]);
  drawTiles(data);
  drawEndpoints();
  show(byId("counters-loading"), false);
  show(byId("counters-empty"), last.length === 0);
  show(byId("memory"), data.memory !== null);
}

/** Notes what has moved. Numbers that have fallen are those of another process. */
function compare(endpoints) {
  const now = new Map();
  for (const endpoint of endpoints) {
    for (const [outcome, n] of Object.entries(endpoint.outcomes)) now.set(number(endpoint, outcome), n);
  }
  const isAnother = [...before].some(([key, n]) => (now.get(key) ?? 0) < n);
  tell(byId("counters-note"), isAnother && "These are the numbers of another process than before, or it was started anew.");
  if (isAnother) moved.clear();
  else if (byId("counters-loading").hidden) {
    for (const [key, n] of now) {
      const step = n - (before.get(key) ?? 0);
      if (step > 0) moved.set(key, { by: step, until: Date.now() + MARKED });
    }
  }
  before = now;
  for (const [key, { until }] of moved) if (until < Date.now()) moved.delete(key);
}

function drawTiles({ running, waiting, memory, renewals, failed_renewals, background_completions }) {
  const tiles = [
    ["Running now", count(running)],
    ["Waiting now", count(waiting)],
    ["Leases renewed", count(renewals)],
    ["Renewals that failed", count(failed_renewals), failed_renewals > 0],
    ["Recorded in the background", count(background_completions)],
  ];
  if (memory) {
    tiles.push(["Keys in memory", count(memory.entries)], ["Memory taken", bytes(memory.bytes)], ["Responses evicted", count(memory.evicted)]);
  }
  const make = ([name]) => element("div", { className: "tile" }, element("dt", {}, name), element("dd"));
  reconcile(byId("tiles"), tiles, ([name]) => name, make, (tile, [, text, isBad]) => {
    tile.classList.toggle("bad", Boolean(isBad));
    if (tile.lastElementChild.textContent !== text) tile.lastElementChild.textContent = text;
  });
}

function drawEndpoints() {
  reconcile(list, isWhole ? last : last.slice(0, PAGE), id, make, update);
  show(more, last.length > PAGE);
  more.textContent = isWhole ? "Show fewer" : `Show all ${plural(last.length, "endpoint")}`;
}

function make(endpoint) {
  const title = element("p", {}, element("span", { className: "what" }, ...breakable(endpoint.route ?? "(no route)")), " ");
  title.append(element("span", { className: "handler" }, ...breakable(endpoint.handler)));
  return element("li", { className: "endpoint" }, title, element("div", { className: "chips" }));
}

function update(row, endpoint) {
  const outcomes = Object.entries(endpoint.outcomes).toSorted(([a, n], [b, m]) => BAD.has(b) - BAD.has(a) || m - n);
  const chip = () => element("span", { className: "chip" });
  reconcile(row.lastElementChild, outcomes, ([outcome]) => outcome, chip, (shown, [outcome, n]) => {
    const step = moved.get(number(endpoint, outcome));
    shown.classList.toggle("bad", BAD.has(outcome));
    shown.classList.toggle("moved", Boolean(step));
    const marked = step && element("ins", {}, `+${count(step.by)}`);
    shown.replaceChildren(element("b", {}, count(n)), ` ${outcome}`, ...(marked ? [marked] : []));
  });
}

/** Forgets all that was read. */
export function clear() {
  before = new Map();
  moved = new Map();
  last = [];
  isWhole = false;
  offer([]);
  [byId("tiles"), list].forEach((shown) => shown.replaceChildren());
  [more, byId("counters-note"), byId("counters-empty"), byId("memory")].forEach((shown) => show(shown, false));
  show(byId("counters-loading"));
}

more.addEventListener("click", () => {
  isWhole = !isWhole;
  drawEndpoints();
});
