// Shows what the server renders and posts what a person does. Holds no state of its own but who is looking,
// and which thread is open; both survive a reload.
"use strict";

const byId = (id) => document.getElementById(id);
const timeline = byId("timeline"), replies = byId("replies"), panel = byId("thread");
let view = { timeline: [], threads: {}, connections: 0, outage: false };
let openThread = sessionStorage.getItem("thread");
let stream = null;
let me = null;

// Keep every node whose HTML is unchanged, so that scrolling, focus and selection survive an update.
function reconcile(list, entries) {
  const known = new Map([...list.children].map((node) => [node.dataset.key, node]));
  let cursor = list.firstElementChild;
  for (const [key, html] of entries) {
    let node = known.get(key);
    known.delete(key);
    if (!node || node.source !== html) {
      const fresh = parse(key, html);
      if (node) {
        if (node.dataset.edits !== fresh.dataset.edits) fresh.classList.add("changed");
        if (node === cursor) cursor = fresh;
        node.replaceWith(fresh);
      }
      node = fresh;
    }
    if (node === cursor) cursor = cursor.nextElementSibling;
    else list.insertBefore(node, cursor);
  }
  known.forEach((node) => node.remove());
}

function parse(key, html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  const node = holder.content.firstElementChild;
  node.source = html;
  node.dataset.key = key;
  return node;
}

// Follow the newest message, unless the reader has scrolled up to read.
function update(list, entries) {
  const scroller = list.parentElement;
  const atEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
  reconcile(list, entries);
  if (atEnd) scroller.scrollTop = scroller.scrollHeight;
}

function show() {
  update(timeline, view.timeline);
  const entries = view.threads[openThread];
  panel.hidden = !entries;
  document.body.classList.toggle("with-thread", !panel.hidden);
  if (entries) update(replies, entries);
  const presence = byId("presence");
  presence.textContent = view.connections ? "connected" : "not connected";
  presence.classList.toggle("online", view.connections > 0);
  say(view.outage ? "Slack is down (injected fault)" : "");
}

function say(text) {
  byId("banner").textContent = text;
  byId("banner").hidden = !text;
}

function lookAs(user) {
  me = user;
  sessionStorage.setItem("me", user);
  for (const person of document.querySelectorAll(".person")) {
    const chosen = person.dataset.user === user;
    person.classList.toggle("current", chosen);
    person.setAttribute("aria-pressed", String(chosen));
  }
  if (stream) stream.close();
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  stream = new EventSource("/page/stream?" + new URLSearchParams({ user, zone }));
  stream.onmessage = (event) => { view = JSON.parse(event.data); show(); };
  stream.onerror = () => say("The sandbox is gone; waiting for it to come back");
}

function post(path, body) {
  return fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user: me, ...body }),
  });
}

function press(button) {
  const ts = button.closest("[data-ts]").dataset.ts;
  if (button.dataset.url) window.open(button.dataset.url, "_blank", "noopener");
  post("/page/click", { ts, block_id: button.dataset.block, action_id: button.dataset.action });
}

function ask(button) {
  const words = JSON.parse(button.dataset.confirm), dialog = byId("confirm");
  dialog.querySelector("h2").innerHTML = words.title;
  dialog.querySelector(".section").innerHTML = words.text;
  const [deny, confirm] = dialog.querySelectorAll("button");
  deny.innerHTML = words.deny;
  confirm.innerHTML = words.confirm;
  confirm.className = "button " + words.style;
  deny.onclick = () => dialog.close();
  confirm.onclick = () => { dialog.close(); press(button); };
  dialog.showModal();
}

function open(thread) {
  openThread = thread;
  sessionStorage.setItem("thread", thread);
  replies.replaceChildren();
  show();
}

function send(form, thread) {
  const text = form.elements.text.value.trim();
  form.reset();
  if (text) post("/page/say", { text, thread_ts: thread });
}

document.addEventListener("click", (event) => {
  const target = event.target.closest("button");
  if (!target) return;
  if (target.matches(".person")) lookAs(target.dataset.user);
  else if (target.matches(".thread")) open(target.dataset.thread);
  else if (target.matches("#close-thread")) open("");
  else if (target.matches(".dismiss")) post("/page/dismiss", { ts: target.closest("[data-ts]").dataset.ts });
  else if (target.matches("[data-action]")) (target.dataset.confirm ? ask : press)(target);
});
byId("composer").addEventListener("submit", (event) => { event.preventDefault(); send(event.target, null); });
byId("reply").addEventListener("submit", (event) => { event.preventDefault(); send(event.target, openThread); });

lookAs(sessionStorage.getItem("me") || document.querySelector(".person").dataset.user);
