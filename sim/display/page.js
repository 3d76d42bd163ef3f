"use strict";
// The machine's screen in the page; keys and movements to the machine, in their order.

const screen = document.getElementById("screen");
const state = document.getElementById("state");
const FARTHEST = 255; // counts in one movement
let events = []; // that have not been sent
let sending = false;
let ended = false;

function end(why) {
  ended = true;
  state.textContent = `The run has ended: ${why}`;
}

async function look() {
  let number = "0";
  while (!ended) {
    let answer;
    try {
      answer = await fetch(`screen.png?after=${number}`);
    } catch {
      return end("nobody answers.");
    }
    if (!answer.ok) return end(await answer.text());
    const before = screen.src;
    screen.src = URL.createObjectURL(await answer.blob());
    await screen.decode();
    URL.revokeObjectURL(before);
    number = answer.headers.get("Picture");
    state.textContent = "Keys and mouse are the machine's while this page has the focus.";
    document.body.dataset.picture = number;
    if (answer.headers.has("Ended")) end(answer.headers.get("Ended"));
  }
}

async function send(event) {
  events.push(event);
  if (sending) return;
  sending = true;
  while (events.length && !ended) {
    const batch = events;
    events = [];
    try {
      const answer = await fetch("hands", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(batch),
      });
      if (!answer.ok) state.textContent = await answer.text();
    } catch {
      end("nobody answers.");
    }
  }
  sending = false;
}

const held = new Set();
function key(code, down) {
  if (down) held.add(code);
  else held.delete(code);
  send({ key: code, down });
}
addEventListener("keydown", (event) => {
  event.preventDefault();
  if (event.code) key(event.code, true);
});
addEventListener("keyup", (event) => {
  event.preventDefault();
  if (event.code) key(event.code, false);
});
addEventListener("blur", () => [...held].forEach((code) => key(code, false))); // no key sticks

function move(event) {
  event.preventDefault();
  const buttons = [1, 2, 4].map((bit) => Boolean(event.buttons & bit));
  const far = (counts) => Math.max(-FARTHEST, Math.min(FARTHEST, Math.round(counts)));
  send({ x: far(event.movementX), y: far(-event.movementY), buttons });
}
for (const kind of ["mousemove", "mousedown", "mouseup"]) screen.addEventListener(kind, move);
screen.addEventListener("contextmenu", (event) => event.preventDefault());

look();
