// Search across all streams, with a link to the moment of each hit.

import { ask, clock, element, make, moment, write } from "./page.js";
import { names } from "./streams.js";

const MOST = 20;

function hit(found) {
  const id = found.rtstream_id ?? found.id;
  const name = found.rtstream_name || names.get(id) || id;
  const when = moment(id, found.start, found.end, clock(found.start));
  when.setAttribute("aria-label", `Watch ${name} at ${clock(found.start)}`);
  const score = make("span", "quiet", found.score === null || found.score === undefined ? "" : found.score.toFixed(2));
  return make("li", "entry", make("div", "row", when, make("span", "of", name), score), make("p", "", found.text));
}

async function search(query) {
  write(element("results-summary"), "Searching");
  element("results").hidden = element("forget").hidden = false;
  element("hits").replaceChildren();
  try {
    const answer = await ask("/rtstream/collection/default/search", {
      method: "POST",
      body: { query, result_threshold: MOST },
    });
    const found = answer.data.results;
    element("hits").replaceChildren(...found.map(hit));
    write(element("results-summary"), found.length === 0 ? "Nothing like it was seen or said." : `The best ${found.length}.`);
  } catch (error) {
    write(element("results-summary"), error.message);
  }
}

export function listen() {
  element("search").addEventListener("submit", (event) => {
    event.preventDefault();
    search(element("query").value.trim());
  });
  element("forget").addEventListener("click", () => {
    element("results").hidden = element("forget").hidden = true;
    element("query").value = "";
    element("query").focus();
  });
}
