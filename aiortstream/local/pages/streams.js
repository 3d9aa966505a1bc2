// The streams: how each is doing, and what can be done with it.

import { ask, element, lasting, make, write } from "./page.js";
import { openAlert, openIndex } from "./dialogs.js";

const STATUS = new Map([
  ["connected", { text: "Connected", tone: "good" }],
  ["connecting", { text: "Connecting", tone: "busy" }],
  ["error", { text: "Source down, retrying", tone: "bad" }],
  ["stopped", { text: "Stopped", tone: "still" }],
]);
const SILENT = 5; // seconds without a packet that are worth a warning
const SLOW = 30; // seconds that a record may be behind

const cards = new Map(); // by stream id: the card, what it shows, and the last look at it
export const names = new Map(); // by stream id

function makeCard(id) {
  const parts = {
    name: make("h2", "name"),
    status: make("span", "pill"),
    since: make("span", "quiet"),
    reason: make("p", "reason"),
    facts: make("p", "quiet"),
    stages: make("table", "stages"),
    toggle: make("button", "plain"),
    watch: make("a", "button plain", "Watch the last minute"),
    index: make("button", "plain", "Describe"),
    alert: make("button", "plain", "Alert me"),
  };
  parts.card = make(
    "li", "card",
    make("div", "row", parts.name, parts.status, parts.since),
    parts.reason, parts.facts, parts.stages,
    make("div", "row actions", parts.watch, parts.toggle, parts.index, parts.alert),
  );
  parts.watch.href = `/moment/${encodeURIComponent(id)}`;
  for (const button of [parts.toggle, parts.index, parts.alert]) button.type = "button";
  parts.toggle.addEventListener("click", () => toggle(id, parts));
  parts.index.addEventListener("click", () => openIndex(id, names.get(id)));
  parts.alert.addEventListener("click", () => openAlert(id, names.get(id)));
  return parts;
}

async function toggle(id, parts) {
  const action = parts.running ? "stop" : "start";
  parts.toggle.disabled = true;
  try {
    await ask(`/rtstream/${encodeURIComponent(id)}/status`, { method: "PATCH", body: { action } });
  } catch (error) {
    write(parts.reason, error.message);
    parts.reason.hidden = false;
  } finally {
    parts.toggle.disabled = false;
  }
}

function fillCard(shown, stream, now) {
  const status = STATUS.get(stream.status) ?? { text: stream.status, tone: "still" };
  shown.running = stream.status !== "stopped";
  write(shown.name, stream.name || "Stream without a name");
  write(shown.status, status.text);
  shown.status.dataset.tone = status.tone;
  write(shown.since, stream.since ? `for ${lasting(Math.max(0, now - stream.since))}` : "");
  write(shown.reason, stream.reason ?? "");
  shown.reason.hidden = !stream.reason;
  write(shown.facts, facts(shown, stream, now));
  shown.facts.classList.toggle("warn", stream.status === "connected" && (stream.silence ?? 0) > SILENT);
  fillStages(shown.stages, stream.stages);
  shown.watch.hidden = !stream.recording;
  write(shown.toggle, shown.running ? "Stop" : "Start");
  const of = stream.name || stream.id;
  shown.toggle.setAttribute("aria-label", `${shown.running ? "Stop" : "Start"} ${of}`);
  shown.watch.setAttribute("aria-label", `Watch the last minute of ${of}`);
  shown.index.setAttribute("aria-label", `Describe ${of}`);
  shown.alert.setAttribute("aria-label", `Alert me about ${of}`);
}

function facts(shown, stream, now) {
  const said = [];
  const { picture, sound } = stream;
  if (picture) {
    const rate = picture.fps ? `, ${Math.round(picture.fps * 10) / 10} pictures/s` : "";
    said.push(`${picture.codec} ${picture.width}×${picture.height}${rate}`);
  }
  if (sound) said.push(`${sound.codec} ${sound.sample_rate / 1000} kHz`);
  if (stream.status === "connected" && stream.packets !== null) {
    const before = shown.before;
    if (before && now > before.now && stream.packets >= before.packets) {
      said.push(`${Math.round((stream.packets - before.packets) / (now - before.now))} packets/s`);
    }
    shown.before = { packets: stream.packets, now };
  }
  if (stream.silence !== null) said.push(`last packet ${lasting(stream.silence)} ago`);
  if (stream.frames_dropped) said.push(`${stream.frames_dropped} pictures not decoded`);
  if (stream.attempts > 1) said.push(`attempt ${stream.attempts}`);
  said.push(stream.recording ? "recorded" : "not recorded");
  return said.join(" · ");
}

function fillStages(table, stages) {
  const shape = stages.map((stage) => stage.name).join("\n");
  if (table.dataset.shape !== shape) {
    table.dataset.shape = shape;
    table.replaceChildren();
    if (stages.length > 0) {
      const head = ["Work", "Records", "Behind", "Left out"].map((text) => {
        const cell = make("th", "", text);
        cell.scope = "col";
        return cell;
      });
      table.append(make("thead", "", make("tr", "", ...head)), make("tbody", ""));
      for (const stage of stages) {
        const name = make("th", "", stage.name);
        name.scope = "row";
        table.tBodies[0].append(make("tr", "", name, make("td", ""), make("td", ""), make("td", "")));
      }
    }
  }
  table.hidden = stages.length === 0;
  stages.forEach((stage, number) => {
    const row = table.tBodies[0].rows[number];
    write(row.cells[1], String(stage.records));
    write(row.cells[2], stage.error ?? (stage.delay === null ? "–" : lasting(stage.delay)));
    write(row.cells[3], stage.dropped ? String(Math.round(stage.dropped)) : "0");
    row.classList.toggle("warn", Boolean(stage.error) || (stage.delay ?? 0) > SLOW);
  });
}

export function showStreams(streams, now) {
  const gone = new Set(cards.keys());
  const list = element("streams");
  streams.forEach((stream, index) => {
    gone.delete(stream.id);
    names.set(stream.id, stream.name || stream.id);
    if (!cards.has(stream.id)) cards.set(stream.id, makeCard(stream.id));
    const shown = cards.get(stream.id);
    fillCard(shown, stream, now);
    if (list.children[index] !== shown.card) list.insertBefore(shown.card, list.children[index] ?? null);
  });
  for (const id of gone) {
    cards.get(id).card.remove();
    cards.delete(id);
    names.delete(id);
  }
}

export function summarise(streams, count) {
  if (count === 0) return "None yet. Add one here, or connect one with a client.";
  const connected = streams.filter((stream) => stream.status === "connected").length;
  const shown = count > streams.length ? `, the newest ${streams.length} are shown` : "";
  return `${count === 1 ? "1 stream" : `${count} streams`}, ${connected} connected${shown}`;
}
