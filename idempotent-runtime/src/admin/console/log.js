// The answers to what the operator has done, the newest first.

import { byId, element, show, tell } from "./dom.js";
import { clock } from "./format.js";

const list = byId("log");
const toast = byId("toast");
const LONGEST = 20;
/** Time for which the newest answer is shown, in milliseconds. */
const SHOWN = 8000;
let timer;

/** Adds an answer. `isDone` is false where nothing was done. */
export function answered(text, isDone = true) {
  list.prepend(element("li", { className: isDone ? "" : "bad" }, clock(), text));
  if (list.children.length > LONGEST) list.lastElementChild.remove();
  show(byId("log-empty"), false);
  toast.classList.toggle("bad", !isDone);
  tell(toast, text);
  clearTimeout(timer);
  timer = setTimeout(tell, SHOWN, toast);
}

export function clear() {
  list.replaceChildren();
  tell(toast);
  show(byId("log-empty"));
}
