// Follows a stream with `eventsource`, which is a browser's EventSource for Node.
// Prints one JSON object on a line for each thing that happens.
const { createRequire } = require("node:module");
const load = createRequire(`${process.env.SSE_NODE}/`);

const say = (what) => console.log(JSON.stringify(what));
const setTimer = globalThis.setTimeout;
let lost = false;
globalThis.setTimeout = (work, wait, ...rest) => {
  if (lost) say({ wait });
  lost = false;
  return setTimer(work, wait, ...rest);
};

const { EventSource } = load("eventsource");
const source = new EventSource(process.argv[2]);
source.onopen = () => say({ open: 200 });
source.onerror = (error) => {
  // The timer of the reconnect is the next one.
  lost = source.readyState === EventSource.CONNECTING;
  say({ lost: String(error.message), closed: source.readyState === EventSource.CLOSED });
};
for (const type of ["message", "broadcast", "direct", "gap", "here", "gone"]) {
  source.addEventListener(type, ({ data, lastEventId }) =>
    say({ event: type, data, id: lastEventId }));
}
