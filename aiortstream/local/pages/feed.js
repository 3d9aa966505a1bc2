// What happens on all streams, as it happens.

import { clock, element, make, moment, write } from "./page.js";
import { names } from "./streams.js";

const KEPT = 200; // entries on the page
const KINDS = { alert: "Alert", scene: "Scene", transcript: "Said" };

let paused = false;

function entry(kind, event) {
  const name = event.rtstream_name || names.get(event.rtstream_id) || event.rtstream_id;
  const when = moment(event.rtstream_id, event.start, event.end, clock(event.start));
  when.setAttribute("aria-label", `Watch ${name} at ${clock(event.start)}`);
  const pill = make("span", "pill", kind === "alert" ? event.label : KINDS[kind]);
  pill.dataset.tone = kind === "alert" ? "bad" : kind === "scene" ? "busy" : "still";
  const made = make("li", `entry ${kind}`, make("div", "row", when, make("span", "of", name), pill), make("p", "", event.text));
  made.dataset.kind = kind;
  made.dataset.of = event.rtstream_id ?? "";
  return made;
}

function isWanted(made) {
  const kind = element("kind").value;
  const of = element("of").value;
  return (!kind || made.dataset.kind === kind) && (!of || made.dataset.of === of);
}

function filter() {
  for (const made of element("feed").children) made.hidden = !isWanted(made);
}

function add(made) {
  const feed = element("feed");
  made.hidden = !isWanted(made);
  feed.prepend(made);
  while (feed.children.length > KEPT) feed.lastElementChild.remove();
  element("nothing").hidden = true;
}

/** Keeps the choice of streams in step with those there are. */
export function offerStreams() {
  const choice = element("of");
  const offered = new Set([...choice.options].map((option) => option.value));
  for (const [id, name] of names) {
    if (!offered.has(id)) choice.append(new Option(name, id));
  }
  for (const option of [...choice.options]) {
    if (option.value && !names.has(option.value)) option.remove();
    else if (option.value) write(option, names.get(option.value));
  }
}

export function follow() {
  const source = new EventSource("/live");
  const state = element("connection");
  const show = (text, tone) => {
    write(state, text);
    state.dataset.tone = tone;
  };
  source.addEventListener("open", () => show("Live", "good"));
  source.addEventListener("error", () => show("Connecting", "busy")); // it tries again by itself
  for (const kind of Object.keys(KINDS)) {
    source.addEventListener(kind, (message) => {
      if (!paused) add(entry(kind, JSON.parse(message.data)));
    });
  }
  source.addEventListener("dropped", (message) => {
    const { count } = JSON.parse(message.data);
    if (!paused) add(make("li", "entry quiet", `${count} events came faster than this page could take them.`));
  });
  element("kind").addEventListener("change", filter);
  element("of").addEventListener("change", filter);
  element("pause").addEventListener("click", () => {
    paused = !paused;
    element("pause").setAttribute("aria-pressed", String(paused));
    write(element("pause"), paused ? "Go on" : "Pause");
  });
}
