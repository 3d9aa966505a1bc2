// What was seen, said and alerted, beside the picture: a click goes there, and what is shown now is marked.

import { ask, element, make, write } from "./page.js";
import { positionOf } from "./timeline.js";

const KINDS = { alert: "bad", scene: "busy", transcript: "still" };
const HOLE = 0.5; // seconds that are missing before it is said

let entries = []; // each moment with its element
let current = null;

const time = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });

function holes(spans) {
  return spans.slice(1).map((span, number) => span.start - spans[number].end).filter((length) => length > HOLE);
}

function note(told) {
  const said = [];
  const missing = holes(told.spans);
  if (missing.length > 0) {
    const lost = Math.round(missing.reduce((sum, length) => sum + length, 0));
    said.push(`${missing.length === 1 ? "One stretch is" : `${missing.length} stretches are`} not recorded, ${lost} s in all.`);
  }
  if (told.moments.length === 0) said.push("Nothing was described or said here.");
  if (!told.complete) said.push("There is more than is shown: open a shorter window.");
  return said.join(" ");
}

function entry(moment, seek) {
  const when = make("time", "", time.format(moment.start * 1000));
  when.dateTime = new Date(moment.start * 1000).toISOString();
  const kind = make("span", "pill", moment.of ?? "Said");
  kind.dataset.tone = KINDS[moment.kind];
  const button = make("button", "", make("span", "row", when, kind), make("span", "", moment.text));
  button.type = "button";
  button.addEventListener("click", () => seek(moment.start * 1000));
  const made = make("li", "entry", button);
  made.dataset.kind = moment.kind;
  return made;
}

/** Asks for what belongs to a playlist and shows it; `parts` gives the present timeline, `video` is to be moved. */
export async function showMoments(address, parts, video) {
  const told = await ask(address.pathname.replace(/m3u8$/, "json")).catch(() => null);
  if (told === null) return; // an older link, or the server is away: the picture says so
  const seek = (date) => {
    const position = positionOf(parts(), date);
    if (position !== null) video.currentTime = position;
  };
  entries = told.moments.map((moment) => ({ moment, made: entry(moment, seek) }));
  element("moment-list").replaceChildren(...entries.map(({ made }) => made));
  write(element("moments-note"), note(told));
  element("moments-note").hidden = !element("moments-note").textContent;
  element("moments").hidden = false;
  element("kind").addEventListener("change", () => {
    for (const { moment, made } of entries) made.hidden = Boolean(element("kind").value) && moment.kind !== element("kind").value;
  });
}

/** Marks the last moment that has begun at `date`, milliseconds since 1970. */
export function markMoment(date) {
  let latest = null;
  for (const each of entries) {
    if (each.moment.start * 1000 > date) break;
    if (!each.made.hidden) latest = each;
  }
  if (latest === current) return;
  current?.made.removeAttribute("aria-current");
  current = latest;
  if (current === null) return;
  current.made.setAttribute("aria-current", "true");
  // Only within the list: the page itself is not to jump.
  const list = element("moment-list");
  const { offsetTop, offsetHeight } = current.made;
  const top = offsetTop - list.offsetTop;
  if (top < list.scrollTop || top + offsetHeight > list.scrollTop + list.clientHeight) list.scrollTop = top - list.clientHeight / 3;
}
