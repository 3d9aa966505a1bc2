// What can be added: a stream, an index of one, an alert on an index.

import { ask, element } from "./page.js";

let opened = null; // the stream that the open dialog is about

function wire(id, submit) {
  const dialog = element(id);
  const form = dialog.querySelector("form");
  const problem = form.querySelector(".notice");
  form.querySelector(".cancel").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault(); // it closes once the server has taken it
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    problem.hidden = true;
    try {
      await submit(new FormData(form));
      dialog.close();
      form.reset();
    } catch (error) {
      problem.textContent = error.message;
      problem.hidden = false;
    } finally {
      button.disabled = false;
    }
  });
  dialog.addEventListener("close", () => { problem.hidden = true; });
  return dialog;
}

const text = (form, name) => form.get(name).trim();

async function connect(form) {
  const mediaTypes = ["video", "audio"].filter((kind) => form.has(kind));
  if (mediaTypes.length === 0) throw new Error("Take in pictures, sound, or both.");
  await ask("/rtstream", {
    method: "POST",
    body: {
      collection_id: "default",
      url: text(form, "url"),
      name: text(form, "name") || null,
      media_types: mediaTypes,
      store: form.has("store"),
      enable_transcript: form.has("transcript") && form.has("audio"),
    },
  });
}

async function index(form) {
  const visual = form.get("of") === "visual";
  const every = Number(form.get("every"));
  await ask(`/rtstream/${encodeURIComponent(opened)}/index/scene`, {
    method: "POST",
    body: {
      extraction_type: visual ? "time" : "transcript",
      extraction_config: visual ? { time: every, frame_count: 3 } : { segmenter: "time", segmentation_value: every },
      prompt: text(form, "prompt"),
      name: text(form, "name") || null,
    },
  });
}

async function alertMe(form) {
  const event = await ask("/rtstream/event", {
    method: "POST",
    body: { event_prompt: text(form, "prompt"), label: text(form, "label") },
  });
  const path = `/rtstream/${encodeURIComponent(opened)}/index/${encodeURIComponent(form.get("index"))}/alert`;
  await ask(path, { method: "POST", body: { event_id: event.data.event_id, callback_url: text(form, "callback") } });
}

const streamDialog = wire("stream-dialog", connect);
const indexDialog = wire("index-dialog", index);
const alertDialog = wire("alert-dialog", alertMe);

export function openStream() {
  streamDialog.showModal();
}

export function openIndex(id, name) {
  opened = id;
  element("index-dialog-title").textContent = `Describe ${name}`;
  indexDialog.showModal();
}

export async function openAlert(id, name) {
  opened = id;
  element("alert-dialog-title").textContent = `Alert me about ${name}`;
  const choice = alertDialog.querySelector("select");
  const problem = alertDialog.querySelector(".notice");
  const submit = alertDialog.querySelector("[type=submit]");
  choice.replaceChildren();
  submit.disabled = true;
  alertDialog.showModal();
  try {
    const answer = await ask(`/rtstream/${encodeURIComponent(id)}/index/scene`);
    for (const each of answer.data.scene_indexes) {
      choice.append(new Option(each.name || each.prompt, each.rtstream_index_id));
    }
    if (choice.options.length === 0) throw new Error("Nothing describes this stream yet: begin with Describe.");
    submit.disabled = false;
  } catch (error) {
    problem.textContent = error.message;
    problem.hidden = false;
  }
}
