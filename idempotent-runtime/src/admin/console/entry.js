// An entry as people read it: its state, what that means, and what can be done about it.

import { breakable, element, unseen } from "./dom.js";
import { bytes, moment } from "./format.js";

/** The digits that events, spans and the log show of a key. */
export const digits = (entry) => entry.address.slice(0, 8);

/** Notes when the entry was seen, since its times are told from then. */
export const seen = (entry) => ({ ...entry, at: Date.now() });

const from = (entry, seconds) => moment(entry.at + seconds * 1000);

const STATES = {
  running: {
    name: "Running",
    facts: (entry) => [["Lease ends ", from(entry, entry.lease_left_seconds), ", unless renewed"]],
    meaning: "It runs, and nothing can be done here. If it runs for longer than its handler ever takes, look at its process.",
    can: [],
  },
  abandoned: {
    name: "Abandoned",
    facts: (entry) => [["Lease ran out ", from(entry, -entry.lapsed_seconds)]],
    meaning: "Its process died. Find out whether it had its effect, and resolve it.",
    can: ["resolve", "forget"],
  },
  unknown: {
    name: "Outcome unknown",
    facts: () => [],
    meaning: "Retries get 409 outcome_unknown. Resolve it once somebody knows how it ended.",
    can: ["resolve", "forget"],
  },
  completed: {
    name: "Completed",
    facts: (entry) => [
      [entry.status ? `Status ${entry.status}` : "No response to replay"],
      [`${bytes(entry.bytes)} recorded`],
    ],
    meaning: "Retries get what is recorded. If the answer was wrong, take its effect back, then forget the key.",
    can: ["forget"],
  },
  expired: {
    name: "Expired",
    facts: () => [],
    meaning: "It has run, and its response has expired. Retries are refused while that is remembered.",
    can: ["forget"],
  },
};

const OTHER = { name: "Other", facts: () => [], meaning: "", can: [] };
const state = (entry) => STATES[entry.state] ?? OTHER;

export const stateName = (entry) => state(entry).name;
export const meaning = (entry) => state(entry).meaning;
const can = (entry, action) => state(entry).can.includes(action);

/** The entry in a few words. */
export const words = (entry) => `key ${digits(entry)}`;

function title(entry) {
  const badge = element("span", { className: `badge ${entry.state}` }, state(entry).name);
  const code = element("code", {}, digits(entry));
  const what = entry.endpoint ? breakable(entry.endpoint) : ["Key ", code];
  return element("div", { className: "title" }, badge, element("span", { className: "what" }, ...what));
}

function facts(entry) {
  const all = state(entry).facts(entry);
  all.push([`Attempt ${entry.attempt}`]);
  all.push(["Key is free ", from(entry, entry.kept_for_seconds)]);
  if (entry.endpoint) all.unshift(["Key ", element("code", { title: entry.address }, digits(entry))]);
  return all.map((fact) => element("span", {}, ...fact));
}

/** Title and facts, for a dialog. */
export const summary = (entry) => [title(entry), element("p", { className: "facts" }, ...facts(entry))];

/** Title, facts and meaning. */
export const description = (entry) => [
  title(entry),
  element("p", { className: "facts" }, ...facts(entry)),
  element("p", { className: "meaning" }, meaning(entry)),
];

/** Buttons for what can be done. `act(name)` is called with the name of the action. */
export function buttons(entry, act) {
  const button = (name, text, className) =>
    can(entry, name) &&
    element("button", { type: "button", className, onclick: () => act(name) }, text, unseen(` ${words(entry)}`), "…");
  return [button("resolve", "Resolve", "accent"), button("forget", "Forget", "danger")].filter(Boolean);
}
