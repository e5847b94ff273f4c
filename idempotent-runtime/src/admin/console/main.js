// The page: what is read when, and whether it still is.

import { whenChanged } from "./act.js";
import * as counters from "./counters.js";
import { byId } from "./dom.js";
import { age, moment } from "./format.js";
import * as log from "./log.js";
import * as lookup from "./lookup.js";
import * as policies from "./policies.js";
import * as stuck from "./stuck.js";
import * as unlock from "./unlock.js";
import * as usage from "./usage.js";

/** Parts that are read again and again, and the pause between, in milliseconds. */
const WATCHED = [
  { part: stuck, pause: 10_000, due: 0, failures: 0 },
  { part: counters, pause: 3_000, due: 0, failures: 0 },
  { part: policies, pause: 60_000, due: 0, failures: 0 },
];
/** Longest pause after failures, in milliseconds: a store that cannot list writes each try to the log. */
const LONGEST_PAUSE = 60_000;

let isReading = false;

function connected(is, text) {
  document.querySelector(".live").dataset.is = is;
  const status = byId("connection");
  if (status.textContent !== text) status.textContent = text;
}

/** Reads what is due. */
async function read() {
  if (isReading || unlock.locked() || document.hidden) return;
  isReading = true;
  try {
    for (const watched of WATCHED.filter(({ due }) => due <= Date.now())) {
      const answer = await watched.part.refresh();
      if (unlock.locked()) {
        connected("locked", "Locked");
        break;
      }
      if (answer.is === "dropped") continue;
      watched.failures = answer.is === "done" ? 0 : watched.failures + 1;
      watched.due = Date.now() + Math.min(watched.pause * 2 ** watched.failures, LONGEST_PAUSE);
      told(answer);
    }
  } catch (error) {
    connected("trouble", "Trouble");
    console.error(error);
  } finally {
    isReading = false;
  }
}

function told(answer) {
  if (answer.is === "failed") return connected("trouble", "No connection");
  if (answer.is === "refused") return connected("trouble", "Trouble");
  connected("live", "Live");
  byId("updated").replaceChildren("updated ", moment(Date.now()));
}

function readAll() {
  WATCHED.forEach((watched) => Object.assign(watched, { due: 0, failures: 0 }));
  return read();
}

function tick() {
  age();
  if (unlock.locked()) connected("locked", "Locked");
  else read();
}

byId("place").textContent = location.host;
byId("refresh").addEventListener("click", readAll);
byId("lock").addEventListener("click", () => {
  [stuck, counters, policies, usage, lookup, log].forEach((part) => part.clear());
  byId("updated").replaceChildren();
  unlock.lock();
});
document.addEventListener("visibilitychange", read);
whenChanged(() => {
  stuck.refresh();
  lookup.changed();
  usage.changed();
});
unlock.whenUnlocked(readAll);
read();
setInterval(tick, 1000);
