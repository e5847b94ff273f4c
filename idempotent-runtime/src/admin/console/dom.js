// Elements. Text is always text: nothing that this page shows is parsed as HTML.

export const byId = (id) => document.getElementById(id);

/** Makes an element. `properties` are set as properties, those with a dash as attributes. */
export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key.includes("-") || key === "role") made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Text that only screen readers say. */
export const unseen = (text) => element("span", { className: "vh" }, text);

/** Text in which a line may end after each part of a path or a name of code. */
export const breakable = (text) =>
  text.split(/(?<=\/|::)/).flatMap((part, index) => (index ? [element("wbr"), part] : [part]));

export const show = (shown, isShown = true) => {
  shown.hidden = !isShown;
};

/** Shows `text` in an element that is hidden without one. */
export function tell(where, text) {
  where.replaceChildren(...(text ? [text] : []));
  where.hidden = !text;
}

/** Lets a field's list offer these values. It stays as it is where it does so already. */
export function offerIn(list, values) {
  const offered = [...list.children].map((option) => option.value);
  if (offered.join("\n") !== values.join("\n")) {
    list.replaceChildren(...values.map((value) => element("option", { value })));
  }
}

/**
 * Makes the children of `list` those of `items`. A child whose key stays is kept, with the focus
 * that may be in it. `make(item)` gives a child, `update(child, item)` brings it up to date.
 */
export function reconcile(list, items, key, make, update) {
  const before = new Map([...list.children].map((child) => [child.dataset.key, child]));
  let next = list.firstElementChild;
  for (const item of items) {
    const child = before.get(key(item)) ?? make(item);
    before.delete(key(item));
    child.dataset.key = key(item);
    update(child, item);
    if (child === next) next = next.nextElementSibling;
    else list.insertBefore(child, next);
  }
  before.forEach((child) => child.remove());
}
