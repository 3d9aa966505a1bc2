// The list of streams, asked for anew every two seconds while somebody looks.

const PAUSE = 2_000; // milliseconds between an answer and the next question
const PATIENCE = 5_000; // milliseconds until the answer must be there

const STATUS = new Map([
  ["connected", { text: "Connected", tone: "good" }],
  ["connecting", { text: "Connecting", tone: "busy" }],
  ["error", { text: "Source down, retrying", tone: "bad" }],
  ["stopped", { text: "Stopped", tone: "still" }],
]);

const element = (id) => document.getElementById(id);
const cards = new Map(); // by stream id: the card and what it shows

/** Sets text only where it changed, so that a selection or a screen reader's place is not lost. */
function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

function make(tag, className, ...children) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

function makeCard() {
  const name = make("h2", "name");
  const status = make("span", "pill");
  const recording = make("span", "quiet");
  const reason = make("p", "reason");
  const url = make("code", "url");
  const id = make("code", "quiet");
  const watch = make("a", "button");
  const card = make(
    "li", "card",
    make("div", "row", name, status, recording),
    reason,
    make("div", "row", url, id),
    watch,
  );
  return { card, name, status, recording, reason, url, id, watch };
}

function fillCard(shown, stream) {
  const status = STATUS.get(stream.status) ?? { text: stream.status, tone: "still" };
  write(shown.name, stream.name || "Stream without a name");
  write(shown.status, status.text);
  shown.status.dataset.tone = status.tone;
  write(shown.recording, stream.recording ? "recorded" : "not recorded");
  write(shown.reason, stream.reason ?? "");
  shown.reason.hidden = !stream.reason;
  write(shown.url, stream.url ?? "");
  write(shown.id, stream.id);
  showLink(shown.watch, stream);
}

function showLink(link, stream) {
  const address = stream.player_url && new URL(stream.player_url, location.origin);
  link.hidden = !address || address.origin !== location.origin;
  if (link.hidden) return;
  write(link, "Watch the recording");
  link.setAttribute("aria-label", `Watch the recording of ${stream.name || stream.id}`);
  if (link.href !== address.href) link.href = address.href;
}

function showStreams(streams) {
  const gone = new Set(cards.keys());
  streams.forEach((stream, index) => {
    gone.delete(stream.id);
    if (!cards.has(stream.id)) cards.set(stream.id, makeCard());
    const shown = cards.get(stream.id);
    fillCard(shown, stream);
    const list = element("streams");
    if (list.children[index] !== shown.card) list.insertBefore(shown.card, list.children[index] ?? null);
  });
  for (const id of gone) {
    cards.get(id).card.remove();
    cards.delete(id);
  }
}

function summarise(streams) {
  if (streams.length === 0) return "No streams yet. Connect one with a client, as shown below.";
  const connected = streams.filter((stream) => stream.status === "connected").length;
  return `${streams.length === 1 ? "1 stream" : `${streams.length} streams`}, ${connected} connected`;
}

async function refresh() {
  try {
    const answer = await fetch("/status.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(`The server refuses to list its streams (status ${answer.status}).`);
    const status = await answer.json();
    write(element("version"), status.version);
    showStreams(status.rtstreams);
    write(element("summary"), summarise(status.rtstreams));
    element("problem").hidden = true;
  } catch (error) {
    const silent = error instanceof TypeError || error.name === "TimeoutError";
    write(element("problem"), silent ? "The server does not answer. This page keeps trying." : error.message);
    element("problem").hidden = false;
  }
}

async function keepRefreshing() {
  for (;;) {
    if (!document.hidden) await refresh();
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
  }
}

element("example").textContent = `import asyncio
import aiortstream

async def main():
    async with aiortstream.AsyncClient("your key", base_url="${location.origin}") as client:
        rtstream = await client.connect_rtstream(
            url="rtsp://camera/front", name="Front door", media_types=["audio", "video"], store=True)
        await rtstream.start_transcript()
        async with rtstream.watch_transcript() as segments:
            async for segment in segments:
                print(segment.start, segment.text)

asyncio.run(main())`;
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
keepRefreshing();
