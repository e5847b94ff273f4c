// The policies of this process's handlers.

import { ask } from "./api.js";
import { breakable, byId, element, show } from "./dom.js";
import { duration, plural } from "./format.js";
import { table } from "./table.js";

const COLUMNS = ["Handler", "Scope", "Key", "Kept", "Waits", "Replays", "Fingerprint", "If it died"].map((name) => [name]);

/** Rows that are shown without being asked for. */
const PAGE = 15;
const more = byId("policies-more");

let all = [];
let isWhole = false;

const REPLAYS = { all: "every response", final: "all but 5xx", success: "success alone" };
const DIED = { refuse: "refused", rerun: "runs again", reconcile: "asks the application" };

export async function refresh() {
  const answer = await ask("policies");
  if (answer.is === "done") {
    all = answer.data.policies;
    draw();
  }
  return answer;
}

function draw() {
  const none = element("p", { className: "quiet" }, "This process has no annotated handler.");
  const rows = (isWhole ? all : all.slice(0, PAGE)).map(cells);
  byId("policies-body").replaceChildren(all.length ? table("Policies", COLUMNS, rows) : none);
  show(byId("policies-loading"), false);
  show(more, all.length > PAGE);
  more.textContent = isWhole ? "Show fewer" : `Show all ${plural(all.length, "policy", "policies")}`;
}

/** The handler, with the route where its endpoints differ. */
function name({ handler, route }) {
  const code = element("code", {}, ...breakable(handler));
  return route ? element("span", {}, code, element("span", { className: "at" }, ...breakable(route))) : code;
}

function cells(policy) {
  const headers = policy.headers?.length ? `, with ${policy.headers.join(", ")}` : "";
  return [
    name(policy),
    policy.scope,
    policy.required ? "required" : "optional",
    duration(policy.ttl_seconds),
    policy.wait_seconds ? `up to ${duration(policy.wait_seconds)}` : "never",
    REPLAYS[policy.replay] ?? policy.replay,
    policy.fingerprint + headers,
    (DIED[policy.abandoned] ?? policy.abandoned) + (policy.transaction ? ", after a rollback" : ""),
  ];
}

export function clear() {
  all = [];
  isWhole = false;
  byId("policies-body").replaceChildren();
  show(more, false);
  show(byId("policies-loading"));
}

more.addEventListener("click", () => {
  isWhole = !isWhole;
  draw();
});
