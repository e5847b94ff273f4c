// The dialogs in which an operator makes a key free, or all keys of a caller.

import { Action, named } from "./act.js";
import { byId } from "./dom.js";
import { digits, summary } from "./entry.js";
import { bytes, plural } from "./format.js";

const action = new Action("forget");

const TWICE = "If the first one had its effect, and that was not taken back, it happens twice.";

/** Opens the dialog for this entry. */
export function forget(entry) {
  byId("forget-title").textContent = `Forget key ${digits(entry)}?`;
  byId("forget-facts").replaceChildren(...summary(entry));
  byId("forget-text").textContent =
    `The key becomes free: the next request with it runs as a first one, with all its steps. ${TWICE}`;
  action.button.textContent = "Forget the key";
  action.open(() => ({
    path: "forget",
    body: { entry: { address: entry.address }, version: entry.version },
    name: named("Forget", entry),
    done: () => "the key is free, and the next request with it runs.",
  }));
}

/** Opens the dialog for all that this caller holds in memory. */
export function forgetCaller(caller) {
  byId("forget-title").textContent = `Forget all keys of caller ${caller.caller.slice(0, 8)}?`;
  byId("forget-facts").replaceChildren(`${plural(caller.keys, "key")}, ${bytes(caller.bytes)}`);
  byId("forget-text").textContent =
    `Each of its keys becomes free, but for those of requests that run. A retry of any runs a second time. ${TWICE}`;
  action.button.textContent = "Forget its keys";
  action.open(() => ({
    path: "forget",
    body: { caller: caller.caller },
    name: `Forget caller ${caller.caller.slice(0, 8)}`,
    done: (freed) => `${plural(freed.keys, "key")} and ${bytes(freed.bytes)} are free.`,
  }));
}
