// Follows a stream with `@microsoft/fetch-event-source`, which expects a page around it.
// Prints one JSON object on a line for each thing that happens.
const { createRequire } = require("node:module");
const load = createRequire(`${process.env.SSE_NODE}/`);

const say = (what) => console.log(JSON.stringify(what));
globalThis.window = {
  fetch: globalThis.fetch,
  clearTimeout: globalThis.clearTimeout,
  setTimeout: (work, wait) => {
    say({ wait });
    return globalThis.setTimeout(work, wait);
  },
};
globalThis.document = { hidden: false, addEventListener() {}, removeEventListener() {} };

const { fetchEventSource } = load("@microsoft/fetch-event-source");
fetchEventSource(process.argv[2], {
  async onopen(response) {
    const type = String(response.headers.get("content-type"));
    if (!response.ok || !type.startsWith("text/event-stream")) {
      throw new Error(`${response.status} ${type}`);
    }
    say({ open: response.status });
  },
  onmessage: ({ event, data, id }) => say({ event, data, id }),
  // Its docs: throw to have the end of a stream count as a failure, which is tried again.
  onclose() {
    throw new Error("the stream ended");
  },
  onerror: (error) => say({ lost: String(error) }),
});
