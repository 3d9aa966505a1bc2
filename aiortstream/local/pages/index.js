// The dashboard: streams, asked for anew every two seconds while somebody looks, and what happens on them.

import { ask, element, write } from "./page.js";
import { openStream } from "./dialogs.js";
import { follow, offerStreams } from "./feed.js";
import { listen } from "./search.js";
import { showStreams, summarise } from "./streams.js";

const PAUSE = 2_000; // milliseconds between an answer and the next question
const PATIENCE = 5_000; // milliseconds until the answer must be there

async function refresh() {
  try {
    const status = await ask("/status.json", { patience: PATIENCE });
    write(element("version"), status.version);
    showStreams(status.rtstreams, status.now);
    offerStreams();
    write(element("summary"), summarise(status.rtstreams, status.count));
    element("problem").hidden = true;
  } catch (error) {
    write(element("problem"), `${error.message} This page keeps trying.`);
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
element("add").addEventListener("click", openStream);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
listen();
follow();
keepRefreshing();
