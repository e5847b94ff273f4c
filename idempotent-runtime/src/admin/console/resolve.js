// The dialog in which an operator says what became of a request.

import { Action, named } from "./act.js";
import { byId, show } from "./dom.js";
import { digits, summary } from "./entry.js";

const action = new Action("resolve");
const parts = byId("response");
const [status, headers, body] = ["status", "headers", "body"].map((name) => byId(`response-${name}`));

const OUTCOMES = {
  complete: ["Store this response", () => "retries get the response that you wrote."],
  rerun: ["Let the next retry run", () => "the next retry runs it."],
  refuse: ["Refuse retries", () => "retries are refused with 409 outcome_unknown."],
};

const chosen = () => action.form.elements.outcome.value;

/** Opens the dialog for this entry. */
export function resolve(entry) {
  byId("resolve-title").textContent = `Resolve key ${digits(entry)}`;
  byId("resolve-facts").replaceChildren(...summary(entry));
  status.value = "201";
  headers.value = "content-type: application/json";
  body.value = "";
  choose();
  action.open(() => request(entry));
}

function choose() {
  show(parts, chosen() === "complete");
  action.button.textContent = OUTCOMES[chosen()]?.[0] ?? "Resolve";
}

function request(entry) {
  const outcome = chosen();
  if (!outcome) return { wrong: "Say first what became of the request.", field: action.form.elements.outcome[0] };
  const asked = { entry: { address: entry.address }, outcome };
  if (outcome === "complete") {
    const response = written();
    if (response.wrong) return response;
    asked.response = response;
  }
  return { path: "resolve", body: asked, name: named("Resolve", entry), done: OUTCOMES[outcome][1] };
}

/** The response as it was written, or what is wrong with it. */
function written() {
  const code = Number(status.value);
  if (!Number.isInteger(code) || code < 200 || code > 599) {
    return { wrong: "The status has to be a number from 200 to 599.", field: status };
  }
  const lines = headers.value.split("\n").map((line) => line.trim()).filter(Boolean);
  const pairs = lines.map((line) => line.split(/:(.*)/s).slice(0, 2).map((part) => part.trim()));
  if (pairs.some((pair) => pair.length < 2 || !pair[0])) {
    return { wrong: "Each line of the headers has to be a name, a colon and a value.", field: headers };
  }
  return { status: code, headers: pairs, body: body.value };
}

action.form.addEventListener("change", choose);
action.dialog.addEventListener("close", choose);
