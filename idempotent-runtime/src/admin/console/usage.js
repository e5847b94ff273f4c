// Who fills the memory of the process that answers. It is asked for, not watched.

import { ask } from "./api.js";
import { breakable, byId, element, tell, unseen } from "./dom.js";
import { forgetCaller } from "./forget.js";
import { bytes, count, plural } from "./format.js";
import { table } from "./table.js";

const body = byId("usage-body");
const button = byId("usage");
const NUMBERS = [["Keys", "number"], ["Memory", "number"]];

async function refresh() {
  button.setAttribute("aria-busy", "true");
  const answer = await ask("usage");
  button.removeAttribute("aria-busy");
  if (answer.is === "done") draw(answer.data);
  tell(byId("usage-trouble"), answer.detail);
}

function draw(usage) {
  const taken = `${plural(usage.keys, "key")} take ${bytes(usage.bytes)} of ${bytes(usage.budget)}; one caller may have ${bytes(usage.caller_share)}.`;
  const gauge = element("progress", { max: usage.budget || 1, value: usage.bytes, "aria-label": "Memory taken" });
  const endpoints = usage.endpoints.map(({ endpoint, keys, bytes: size }) => [
    element("span", {}, ...breakable(endpoint)),
    count(keys),
    bytes(size),
  ]);
  body.replaceChildren(
    gauge,
    element("p", { className: "quiet" }, taken),
    table("Memory by endpoint", [["Endpoint"], ...NUMBERS], endpoints),
    table("Memory by caller", [["Caller"], ...NUMBERS, ["Action", "number"]], usage.callers.map(cells)),
  );
  button.textContent = "Look again";
}

function cells(caller) {
  const name = element("span", {}, element("code", {}, caller.caller), caller.anonymous ? " (nobody in particular)" : "");
  const forget = element(
    "button",
    { type: "button", className: "danger", onclick: () => forgetCaller(caller) },
    "Forget",
    unseen(` caller ${caller.caller.slice(0, 8)}`),
    "…",
  );
  return [name, count(caller.keys), bytes(caller.bytes), forget];
}

/** Entries may have changed: what is shown is asked for again. */
export const changed = () => (body.childElementCount ? refresh() : undefined);

export function clear() {
  body.replaceChildren();
  tell(byId("usage-trouble"));
  button.textContent = "Show who fills it";
}

button.addEventListener("click", refresh);
