// What all parts of the dashboard use: elements, text, and calls of the server's API.

const PATIENCE = 20_000; // milliseconds until an answer must be there

export const element = (id) => document.getElementById(id);

/** Sets text only where it changed, so that a selection or a screen reader's place is not lost. */
export function write(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function make(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/** The answer's JSON. Throws an Error whose message can be shown. */
export async function ask(path, { method = "GET", body, patience = PATIENCE } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method,
      cache: "no-store",
      signal: AbortSignal.timeout(patience),
      // The header says that it is this page that calls: pages of other sites cannot send it.
      headers: { "x-aiortstream-page": "1", ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    const silent = error instanceof TypeError || error.name === "TimeoutError";
    throw silent ? new Error("The server does not answer.") : error;
  }
  const told = await answer.json().catch(() => null);
  if (!answer.ok) throw new Error(told?.message ?? `The server refuses this (status ${answer.status}).`);
  return told;
}

/** Unix seconds as the time of day, with the date where it is another day. */
export function clock(seconds) {
  const moment = new Date(seconds * 1000);
  const today = moment.toDateString() === new Date().toDateString();
  return today ? moment.toLocaleTimeString() : moment.toLocaleString();
}

export function lasting(seconds) {
  if (seconds < 1) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

/** A link to the recording at that moment; a little before it, so that one sees how it comes. */
export function moment(rtstreamId, start, end, text) {
  const link = make("a", "", text);
  const query = new URLSearchParams({ start: (start - 2).toFixed(3), end: (Math.max(end, start) + 4).toFixed(3) });
  link.href = `/moment/${encodeURIComponent(rtstreamId)}?${query}`;
  return link;
}
