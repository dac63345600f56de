// The jobs of gaffer and their events. Everything is set as text, never as HTML, because users
// choose the names and commands.

import { signedIn } from "/page-key.js";

const EVENTS = [
  ...["create", "start", "stop", "restart", "update", "delete", "spawn", "reap", "exit", "stop_pid"],
  ...["flap", "spawn_error", "gap"],
];
const MOST_EVENTS = 12;

const element = (id) => document.getElementById(id);

async function ask(path, options) {
  const answer = await fetch(path, options);
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.reason);
  return body;
}

function pathOf(job) {
  const [name, session = "default"] = job.split(".").reverse();
  return `/jobs/${session}/${name}`;
}

function row(job) {
  const tr = element("job").content.cloneNode(true).firstElementChild;
  const state = job.active ? (job.running < job.numprocesses ? "waiting" : "running") : "stopped";
  tr.querySelector(".name").textContent = job.name;
  tr.querySelector(".badge").textContent = state;
  tr.querySelector(".badge").classList.add(state);
  tr.querySelector(".processes").textContent = `${job.running} of ${job.numprocesses}`;
  tr.querySelector(".command").textContent = [job.config.cmd, ...job.config.args].join(" ");
  for (const button of tr.querySelectorAll("button")) {
    const { state } = button.dataset;
    button.disabled = job.active ? state === "start" : state !== "start";
    button.addEventListener("click", () => change(job.name, state));
  }
  return tr;
}

function change(job, state) {
  return ask(`${pathOf(job)}/state`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ state }),
  }).catch(tell);
}

function tell(error) {
  element("state").textContent = error.message;
  element("state").className = "wrong";
}

async function show() {
  const { jobs } = await ask("/jobs");
  // A job may have been unloaded in the meantime.
  const found = await Promise.all(jobs.map((job) => ask(pathOf(job)).catch(() => null)));
  element("jobs").replaceChildren(...found.filter(Boolean).map(row));
  element("empty").hidden = jobs.length > 0;
}

// At most one request at a time, however many events arrive; one more if an event arrived during it.
let looking = false;
let again = false;

async function refresh() {
  again = true;
  if (looking) return;
  looking = true;
  try {
    while (again) {
      again = false;
      await show();
    }
  } catch (error) {
    tell(error);
  } finally {
    looking = false;
  }
}

function note({ data }) {
  const event = JSON.parse(data);
  const li = document.createElement("li");
  const time = new Date(event.time * 1000).toLocaleTimeString();
  const pid = event.pid === undefined ? "" : ` pid ${event.pid}`;
  const status = event.exit_code === undefined ? "" : ` with status ${event.exit_code}`;
  li.textContent = `${time}  ${event.name ?? ""} ${event.event}${pid}${status}`;
  element("events").prepend(li);
  while (element("events").children.length > MOST_EVENTS) element("events").lastChild.remove();
  refresh();
}

// First the feed, then the list of jobs: no event in between is missed.
function follow() {
  const feed = new EventSource("/watch?feed=eventsource");
  for (const name of EVENTS) feed.addEventListener(name, note);
  feed.addEventListener("open", () => {
    element("state").textContent = "connected";
    element("state").className = "right";
    refresh();
  });
  feed.addEventListener("error", () => tell(new Error("not connected")));
}

// Without a page key the API refuses a browser; the script says how to get one.
if (await signedIn) follow();
else tell(new Error("not signed in"));
