// Requests to the scope beside this page. The operator's token is in this module and nowhere else.

let token = "";
/** Number of times that the operator has locked the page: answers from before are dropped. */
let locks = 0;
let onLocked = () => {};

export const hasToken = () => token !== "";
export const setToken = (given) => {
  token = given;
};
export const dropAnswers = () => {
  locks += 1;
};
/** What to do when the scope does not admit this page. */
export const whenLocked = (call) => {
  onLocked = call;
};

const TIMEOUT = 20_000;
const NO_ANSWER = "No answer came: there is no connection to the server, or it takes too long.";
const MAYBE_DONE = " It may have been done or not. Look again before you repeat it.";

/**
 * Asks the scope, with POST where there is a `body`. Gives `{ is: "done", data }`, `{ is: "refused",
 * code, detail, entry }`, `{ is: "failed", detail }`, `{ is: "locked" }`, or `{ is: "dropped" }` where
 * nobody waits for it any more: the page was locked meanwhile.
 */
export async function ask(path, body) {
  const [credentials, before] = [token, locks];
  const answer = await send(path, body, credentials);
  if (locks !== before) return { is: "dropped" };
  // Another token than the one that was refused may have been given meanwhile.
  if (answer.is === "locked" && credentials === token) onLocked();
  return answer;
}

/** Tries a token that an operator has given. */
export const tryToken = (given) => send("policies", undefined, given);

async function send(path, body, credentials) {
  const headers = { accept: "application/json" };
  if (credentials) headers.authorization = `Bearer ${credentials}`;
  if (body) headers["content-type"] = "application/json";
  try {
    return await read(
      await fetch(path, {
        method: body ? "POST" : "GET",
        headers,
        body: body && JSON.stringify(body),
        cache: "no-store",
        redirect: "manual",
        signal: AbortSignal.timeout(TIMEOUT),
      }),
      body !== undefined,
    );
  } catch {
    return { is: "failed", detail: NO_ANSWER + (body ? MAYBE_DONE : "") };
  }
}

async function read(response, isPost) {
  const { status } = response;
  const type = response.headers.get("content-type") ?? "";
  if (status === 200 && type.startsWith("application/json")) {
    return { is: "done", data: await response.json() };
  }
  if (type.startsWith("application/problem+json")) {
    const { code, detail, entry } = await response.json();
    // What is read by GET is always there: that it is not found is the application's own answer.
    if (CODES.has(code) && (isPost || status !== 404)) return { is: "refused", code, detail, entry };
  }
  // To whoever is not admitted there is no scope: the answer is the application's own.
  if (status < 400 || NOT_ADMITTED.has(status)) return { is: "locked" };
  return { is: "failed", detail: `The server answered with status ${status}.` };
}

/** Statuses by which applications keep somebody out. */
const NOT_ADMITTED = new Set([401, 403, 404, 405]);

/** The codes of the scope's refusals. */
const CODES = new Set(
  ("malformed invalid too_large too_slow not_json not_found no_route no_method running changed settled " +
    "store_failed busy").split(" "),
);
