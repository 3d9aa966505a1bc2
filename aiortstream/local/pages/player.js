// Plays one recording of this server: /watch?url=<playlist or MP4>&mp4=<the same as MP4>&title=<text>.
// At /embed it is in a frame of another page, and shows the picture alone.
// HLS is played by the browser itself; one that cannot gets the MP4.

import { markMoment, showMoments } from "./moments.js";
import { cutAt, dateAt, positionOf, readPlaylist, readWindow } from "./timeline.js";

const HLS_TYPE = "application/vnd.apple.mpegurl";
const STEP = 5; // seconds
const PICTURE = 1 / 25; // seconds
const PATIENCE = 15_000; // milliseconds until a playlist must be there

const isEmbedded = /^\/embed\/?$/.test(location.pathname);
const element = (id) => document.getElementById(id);
const video = element("video");
const query = new URLSearchParams(location.search);

/** A reason not to play, in words for people. */
class Unplayable extends Error {
  constructor(message, { hopeless = false } = {}) {
    super(message);
    this.hopeless = hopeless; // trying again would not help
  }
}

let parts = []; // of what is playing: see timeline.js
let exact = true; // whether `parts` say when a picture was taken to the moment, or to about a second
let fallBack = null; // starts the MP4 instead of what is playing; null if there is none, or it is playing already

function showProblem(error) {
  element("problem-text").textContent = error.message;
  element("again").hidden = error.hopeless === true;
  element("problem").hidden = false;
  element("stage").hidden = true;
}

/** An address of this server, from the query. Others are refused, so that nobody can dress this page up as theirs. */
function readAddress(name) {
  const text = query.get(name);
  if (!text) return null;
  let address = null;
  try {
    address = new URL(text, location.origin);
  } catch {
    throw new Unplayable(`The link is damaged: its part "${name}" is not an address.`, { hopeless: true });
  }
  if (address.origin !== location.origin) {
    throw new Unplayable(
      `This page plays recordings of its own server, ${location.host}, and the link points to ` +
        `${address.host || "another place"}.`,
      { hopeless: true },
    );
  }
  return address;
}

async function ask(address, options) {
  let answer = null;
  try {
    answer = await fetch(address, { ...options, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    throw new Unplayable("The server does not answer. Is it still running?");
  }
  // What is refused will be refused again; what went wrong in the server may go right.
  if (!answer.ok) throw new Unplayable(await explain(answer), { hopeless: answer.status < 500 });
  return answer;
}

/** What the server says about a refusal, or what its status means. */
async function explain(answer) {
  const said = await answer.json().catch(() => null);
  if (said && typeof said.message === "string" && said.message) return sentence(said.message);
  if (answer.status === 401 || answer.status === 403) {
    return "This link has expired, or was not made by this server. Ask the server for a new one.";
  }
  if (answer.status === 404) return "There is no recording at this address, or not any more.";
  return `The server cannot give out this recording now (status ${answer.status}).`;
}

function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(begun) ? begun : `${begun}.`;
}

async function open() {
  const title = query.get("title");
  if (title) {
    element("title").textContent = title;
    document.title = title;
  }
  const address = readAddress("url");
  const mp4 = readAddress("mp4");
  if (!address) {
    throw new Unplayable("There is nothing to play: the link lacks the address of a recording (/player?url=...).", {
      hopeless: true,
    });
  }
  const isPlaylist = address.pathname.endsWith(".m3u8");
  offerDownload(isPlaylist ? mp4 : address);
  if (!isPlaylist) {
    await ask(address, { method: "HEAD" });
    play(address, "MP4", [], null);
    return;
  }
  const segments = readPlaylist(await (await ask(address)).text());
  const begin = readWindow(address.pathname)?.start ?? null;
  if (begin !== null && !isEmbedded) showMoments(address, () => parts, video).then(showClock);
  if (mp4) fallBack = (why) => playFile(mp4, begin === null ? segments : cutAt(segments, begin), why);
  if (video.canPlayType(HLS_TYPE)) {
    play(address, "HLS", segments, begin === null ? null : positionOf(segments, begin));
  } else if (fallBack) {
    fallBack("this browser cannot play HLS");
  } else {
    throw new Unplayable("This browser cannot play HLS, and the link offers no MP4. Chrome, Edge and Safari can.", {
      hopeless: true,
    });
  }
}

function playFile(address, segments, why) {
  fallBack = null;
  exact = false; // the file begins at a key frame, up to some seconds before what was asked for
  play(address, `MP4, because ${why}`, segments, null);
}

function play(address, kind, segments, position) {
  parts = segments;
  element("source").textContent = kind;
  video.src = address.href;
  if (position) {
    video.addEventListener("loadedmetadata", () => { video.currentTime = position; }, { once: true });
  }
  // A browser that wants a click first shows the controls; that is no error.
  video.play().catch(() => {});
}

function offerDownload(address) {
  if (!address) return;
  element("download").href = address.href;
  element("file").hidden = false;
}

async function failed() {
  const error = video.error;
  if (!error) return;
  if (fallBack) {
    fallBack("the browser could not play the HLS recording");
    return;
  }
  try {
    await ask(video.src, { method: "HEAD" });
  } catch (reason) {
    showProblem(reason);
    return;
  }
  showProblem(new Unplayable(
    error.code === MediaError.MEDIA_ERR_NETWORK
      ? "The connection to the server broke while the recording was loading."
      : "This browser cannot decode the recording. Download it, or try another browser.",
  ));
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

function showClock() {
  let date = dateAt(parts, video.currentTime);
  if (date === null && video.getStartDate) {
    date = video.getStartDate().getTime() + video.currentTime * 1000; // NaN where the media give no date
  }
  const known = date !== null && Number.isFinite(date);
  element("clock").hidden = !known;
  if (!known) return;
  markMoment(date);
  const iso = new Date(Math.round(date)).toISOString();
  element("clock-label").textContent = exact ? "Time of the picture" : "Time of the picture, about";
  element("local").dateTime = iso;
  element("local").textContent = local.format(date);
  element("utc").textContent = `${iso.slice(11, exact ? 21 : 19)} UTC`;
}

const keys = {
  k: () => (video.paused ? video.play().catch(() => {}) : video.pause()),
  " ": () => keys.k(),
  j: () => { video.currentTime -= STEP; },
  l: () => { video.currentTime += STEP; },
  ",": () => { if (video.paused) video.currentTime -= PICTURE; },
  ".": () => { if (video.paused) video.currentTime += PICTURE; },
  m: () => { video.muted = !video.muted; },
  f: () => (document.fullscreenElement ? document.exitFullscreen() : video.requestFullscreen().catch(() => {})),
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !video.currentSrc) return;
  // The video and what can be pressed handle the space bar themselves, and a choice handles letters.
  if (event.target.closest("select") || (event.key === " " && event.target.closest("video, button, a, summary"))) return;
  const action = keys[event.key.toLowerCase()];
  if (!action) return;
  event.preventDefault();
  action();
}

document.documentElement.classList.toggle("embedded", isEmbedded);
element("again").addEventListener("click", () => location.reload());
document.addEventListener("keydown", pressed);
video.addEventListener("error", failed);
for (const name of ["loadeddata", "timeupdate", "seeking", "seeked"]) video.addEventListener(name, showClock);
open().catch(showProblem);
