// The lock: asks for the operator's token, tells a wrong one and an expired one, and forgets it.

import * as api from "./api.js";
import { byId, show, tell } from "./dom.js";

const dialog = byId("unlock");
const field = byId("token");
const trouble = byId("unlock-trouble");

let isLocked = false;
let onUnlock = () => {};

export const locked = () => isLocked;
export const whenUnlocked = (call) => {
  onUnlock = call;
};

/** The page is admitted. */
function admitted() {
  isLocked = false;
  show(byId("locked"), false);
  document.body.classList.remove("locked");
  show(byId("lock"), api.hasToken());
}

function open(reason) {
  isLocked = true;
  show(byId("locked"));
  document.body.classList.add("locked");
  show(byId("lock"), false);
  if (dialog.open) return;
  tell(trouble, reason);
  dialog.showModal();
  field.focus();
}

/** The scope does not admit this page. */
function refused() {
  const wasAdmitted = api.hasToken();
  api.setToken("");
  open(wasAdmitted && "The token is not accepted any more: it has expired or was replaced. Enter the new one; nothing on this page is lost.");
}

const WRONG =
  "This token is not accepted. If none is: the scope has to be mounted beside this page, with a guard that reads the token from Authorization.";

/** Lets a token be entered, where the page is admitted with none. */
async function enter(event) {
  event.preventDefault();
  const given = field.value.trim();
  if (!/^[\x21-\x7e]+$/.test(given)) {
    return wrong(given ? "A token has visible ASCII characters alone, and no space." : "Enter the token.");
  }
  const button = byId("unlock-form").querySelector("[type=submit]");
  button.setAttribute("aria-busy", "true");
  const answer = await api.tryToken(given);
  button.removeAttribute("aria-busy");
  if (answer.is === "locked") return wrong(WRONG);
  if (answer.is !== "done") return wrong(answer.detail);
  api.setToken(given);
  admitted();
  dialog.close();
  onUnlock();
}

function wrong(reason) {
  field.setAttribute("aria-invalid", "true");
  tell(trouble, reason);
  field.select();
  field.focus();
}

/** Forgets the token. */
export function lock() {
  api.setToken("");
  api.dropAnswers();
  open();
}

api.whenLocked(refused);
byId("unlock-form").addEventListener("submit", enter);
byId("unlock-again").addEventListener("click", () => open());
dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  field.value = "";
  field.removeAttribute("aria-invalid");
  tell(trouble);
});
