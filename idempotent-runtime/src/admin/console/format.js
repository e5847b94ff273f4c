// Numbers, sizes and times as people read them.

import { element } from "./dom.js";

export const count = (number) => number.toLocaleString("en");

export function bytes(number) {
  const units = ["bytes", "KiB", "MiB", "GiB"];
  let unit = 0;
  for (; number >= 1024 && unit < 3; unit += 1) number /= 1024;
  const digits = unit > 0 && number < 10 ? 1 : 0;
  return `${number.toLocaleString("en", { maximumFractionDigits: digits })} ${units[unit]}`;
}

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A duration in its two greatest units, such as `2 h 5 min`. */
export function duration(seconds) {
  if (seconds > 0 && seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  const left = Math.round(seconds);
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = units.findIndex(([, size]) => left >= size);
  if (first < 0) return "0 s";
  const [name, size] = units[first];
  const rest = units[first + 1];
  const more = rest ? Math.floor((left % size) / rest[1]) : 0;
  return `${Math.floor(left / size)} ${name}${more ? ` ${more} ${rest[0]}` : ""}`;
}

/** The exact time, in the zone of the operator and in UTC. */
function exact(at) {
  const date = new Date(at);
  const local = date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "long" });
  return `${local} (${date.toISOString().replace(/\.\d+/, "")})`;
}

function relative(at) {
  const seconds = (at - Date.now()) / 1000;
  if (seconds > 0.5) return `in ${duration(Math.ceil(seconds))}`;
  return seconds < -0.5 ? `${duration(Math.max(1, -seconds))} ago` : "just now";
}

function write(time) {
  const text = relative(Number(time.dataset.at));
  if (time.textContent !== text) time.textContent = text;
}

/** A moment, in milliseconds, as its distance from now; its title has the exact time. */
export function moment(at) {
  const time = element("time", { dateTime: new Date(at).toISOString(), title: exact(at) });
  time.dataset.at = at;
  write(time);
  return time;
}

/** The time of day of now, as it stays. */
export function clock() {
  const now = Date.now();
  const text = new Date(now).toLocaleTimeString("en-GB");
  return element("time", { dateTime: new Date(now).toISOString(), title: exact(now) }, text);
}

/** Lets all moments on the page be as far away as they are now. */
export const age = () => document.querySelectorAll("time[data-at]").forEach(write);
