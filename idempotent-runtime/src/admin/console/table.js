// Tables, which a narrow screen shows as lists. Their roles are said, since that would lose them.

import { element } from "./dom.js";

/** A table of `rows`, each a list of cells. `columns` are pairs of a name and a class. */
export function table(caption, columns, rows) {
  const heads = columns.map(([name, className = ""]) =>
    element("th", { role: "columnheader", scope: "col", className }, name),
  );
  const head = element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads));
  const body = element("tbody", { role: "rowgroup" }, ...rows.map((cells) => row(columns, cells)));
  return element("table", { role: "table", "aria-label": caption }, head, body);
}

function row(columns, [first, ...cells]) {
  const rest = cells.map((cell, index) => {
    const [name, className = ""] = columns[index + 1];
    return element("td", { role: "cell", className, "data-label": name }, element("span", {}, cell));
  });
  return element("tr", { role: "row" }, element("th", { role: "rowheader", scope: "row" }, first), ...rest);
}
