// Opens the console over WebDriver, brings it into each of its states, and lets axe-core look at each, in light and in dark colours,
// narrow and wide. Arguments: the driver's address, the shop's, the path of axe-core, and a file that says when to end the shop.
import { readFileSync, writeFileSync } from "node:fs";

const [driver, shop, axePath, endShop] = process.argv.slice(2);
const axe = readFileSync(axePath, "utf8");

async function call(method, path, body) {
  const response = await fetch(driver + path, { method, body: body && JSON.stringify(body) });
  const { value } = await response.json();
  if (!response.ok) throw new Error(`${path}: ${value.message}`);
  return value;
}

const args = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage"];
const created = await call("POST", "/session", { capabilities: { alwaysMatch: { "goog:chromeOptions": { args } } } });
const session = `/session/${created.sessionId}`;
const devtools = (cmd, params) => call("POST", `${session}/goog/cdp/execute`, { cmd, params });
const js = (script) => call("POST", `${session}/execute/sync`, { script, args: [] });

async function until(expression) {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await js(`return Boolean(${expression})`)) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error(`this never became true: ${expression}`);
}

const click = (selector) => js(`document.querySelector(${JSON.stringify(selector)}).click()`);
const fill = (id, text) => js(`document.getElementById("${id}").value = ${JSON.stringify(text)}`);
const text = (selector) => `document.querySelector("${selector}").textContent`;

let found = 0;
let looks = 0;

/** Lets axe-core look at the page as it is now. */
async function look(state) {
  for (const width of [360, 1440]) {
    for (const value of ["light", "dark"]) {
      await devtools("Emulation.setDeviceMetricsOverride", { width, height: 900, deviceScaleFactor: 1, mobile: false });
      await devtools("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value }] });
      await call("POST", `${session}/execute/sync`, { script: `${axe}; window.axe = axe;`, args: [] });
      const violations = await call("POST", `${session}/execute/async`, {
        script: "const done = arguments[0]; axe.run().then((result) => done(result.violations), (error) => done([{ id: String(error), nodes: [] }]))",
        args: [],
      });
      looks += 1;
      for (const { id, impact, help, nodes } of violations) {
        found += 1;
        console.log(`${state}, ${width}, ${value}: ${impact} ${id}: ${help}`);
        nodes.slice(0, 3).forEach(({ html, failureSummary }) => console.log(`  ${html.slice(0, 160)}\n  ${failureSummary}`));
      }
    }
  }
}

async function lookUp(key) {
  await fill("route", "/orders");
  await fill("key", key);
  await click("#lookup-form [type=submit]");
}

try {
  await call("POST", `${session}/url`, { url: `${shop}/idempotency/console` });
  await until('document.getElementById("unlock").open');
  await look("locked");
  await fill("token", "wrong");
  await click("#unlock-form [type=submit]");
  await until(text("#unlock-trouble"));
  await look("a wrong token");
  await fill("token", "operator");
  await click("#unlock-form [type=submit]");
  await until('document.querySelector("#stuck-list li") && document.querySelector("#policies-body table")');
  await look("a stuck key");
  await click("#usage");
  await click("#stuck-list .accent");
  await click("#resolve [data-act]");
  await click("#resolve [value=complete]");
  await look("the dialog to resolve");
  await click("#resolve [data-close]");
  await click("#stuck-list .danger");
  await look("the dialog to forget");
  await click("#forget [data-close]");
  await lookUp("nobody's");
  await until(text("#found"));
  await look("nothing found");
  await lookUp("stuck");
  await until('document.querySelector("#found .badge")');
  await look("a key that was found");
  await click("#stuck-list .accent");
  await click("#resolve [value=rerun]");
  await click("#resolve [data-act]");
  await until('!document.querySelector("#stuck-list li")');
  await look("nothing stuck");
  writeFileSync(endShop, "");
  await until(`${text("#connection")} === "No connection"`);
  await look("no connection");
} finally {
  await call("DELETE", session);
}
console.log(`${looks} looks, ${found} violations`);
process.exit(found > 0 ? 1 : 0);
