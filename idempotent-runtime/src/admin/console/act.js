// What is common to the dialogs that act on an entry: asked and answered in the dialog, told in the
// list of answers, and never repeated by itself.

import { ask } from "./api.js";
import { byId, show, tell } from "./dom.js";
import { description, digits, seen } from "./entry.js";
import { answered } from "./log.js";

/** Codes after which another try with the same dialog may be done. */
const AGAIN = ["invalid", "busy", "store_failed", "too_large", "too_slow"];

let onChange = () => {};
/** What to do when entries may have changed. */
export const whenChanged = (call) => {
  onChange = call;
};

/** Words for a refusal, as it is to be read beside an entry that was on the page. */
function refusal({ code, detail }) {
  switch (code) {
    case "not_found":
      return "The key is free: somebody else has ended it meanwhile, or its time was over. Nothing was done.";
    case "settled":
      return "It has its outcome by now: somebody else has resolved it, or its process has recorded it after all. Nothing was done.";
    case "changed":
      return "It has changed since you looked at it. Nothing was done. Now it is:";
    default:
      return detail;
  }
}

/** A dialog for one action. It is filled when it is opened. */
export class Action {
  constructor(id) {
    this.dialog = byId(id);
    this.form = byId(`${id}-form`);
    this.trouble = this.dialog.querySelector("[data-trouble]");
    this.now = this.dialog.querySelector("[data-now]");
    this.button = this.dialog.querySelector("[data-act]");
    this.cancel = this.dialog.querySelector("[data-close]");
    this.cancel.addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.form.reset());
  }

  /** Opens the dialog. `request()` gives `{ path, body, done }`, or `{ wrong, field }`. */
  open(request) {
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.send(request);
    };
    tell(this.trouble);
    show(this.now, false);
    show(this.button);
    this.cancel.textContent = "Cancel";
    this.dialog.showModal();
  }

  async send(request) {
    const { path, body, name, done, wrong, field } = request();
    this.form.querySelectorAll("[aria-invalid]").forEach((one) => one.removeAttribute("aria-invalid"));
    if (wrong) {
      field.setAttribute("aria-invalid", "true");
      field.focus();
      return tell(this.trouble, wrong);
    }
    if (this.button.getAttribute("aria-busy")) return;
    this.button.setAttribute("aria-busy", "true");
    const answer = await ask(path, body);
    this.button.removeAttribute("aria-busy");
    this.told(answer, name, done);
  }

  told(answer, name, done) {
    switch (answer.is) {
      case "done":
        this.dialog.close();
        answered(`${name}: ${done(answer.data)}`);
        return onChange(name);
      case "locked":
        return tell(this.trouble, "Nothing was done: the token is not accepted any more. Enter another one, and confirm again.");
      case "failed":
        answered(`${name}: ${answer.detail}`, false);
        return tell(this.trouble, answer.detail);
      default:
        this.refused(answer, name);
    }
  }

  refused(answer, name) {
    const text = refusal(answer);
    tell(this.trouble, text);
    // Beside the alert and not in it: its times move, and would be said again and again.
    if (answer.entry) this.now.replaceChildren(...description(seen(answer.entry)));
    show(this.now, Boolean(answer.entry));
    answered(`${name}: ${text.replace(" Now it is:", "")}`, false);
    if (AGAIN.includes(answer.code)) return;
    show(this.button, false);
    this.cancel.textContent = "Close";
    this.cancel.focus();
    onChange(name);
  }
}

/** Name of an action on an entry, for the list of answers. */
export const named = (verb, entry) => `${verb} ${entry.endpoint ? `${entry.endpoint}, ` : ""}key ${digits(entry)}`;
