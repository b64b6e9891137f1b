// A page with a trial of any size: report.html as lastcall wrote it, with other data, in the shape of
// reports/trial_page.cpp.

const DATA = /<script type="application\/json"[^>]*>[\s\S]*?<\/script>\s*/g;

// `events` of clients on `connections`, and some of the target.
function trialOf(number, events, connections) {
  const columns = { at: [], kind: [], text: [], connection: [], request: [] };
  const kinds = ["phase_began phases", "fault_invoked faults", "target_output output", "request_sent clients", "request_ended clients", "reset clients",
    "target_ended target"];
  const texts = ["phase start begins", "phase load begins", "SIGTERM to process", "phase drain begins", "sends a request of 120 bytes", "answered 200",
    "got RST", "draining", "ends: exit 1"];
  const span = 10_000_000;
  const step = Math.floor(span / events);
  const own = { client: [], attempt: [], group: [], begin: [], up: [], goodbye: [], end: [], why: [] };
  for (let i = 0; i < connections; ++i) {
    own.client.push(i); own.attempt.push(0); own.group.push(i < connections / 2 ? 0 : 1);
    own.begin.push(Math.floor((i * span) / (4 * connections)));
    own.up.push(own.begin[i] + 900); own.goodbye.push(span - 2_000_000 + i); own.end.push(span - 1_900_000 + i);
    own.why.push(i % 100 === 0 ? 2 : 1);
  }
  const add = (kind, text, connection = -1, request = -1) => {
    columns.at.push(columns.at.length === 0 ? 0 : step); columns.kind.push(kind); columns.text.push(text);
    columns.connection.push(connection); columns.request.push(request);
  };
  add(0, 0); add(0, 1);
  const stopAt = Math.floor(events * 0.7);
  for (let i = 2; i < events - 1; ++i) {
    if (i === stopAt) add(1, 2);
    else if (i === stopAt + 1) add(0, 3);
    else if (i % 1000 === 0) add(2, 7);
    else if (i === stopAt + 100) add(5, 6, 42 % connections);
    else add(i % 2 ? 3 : 4, i % 2 ? 4 : 5, i % connections, Math.floor(i / connections));
  }
  add(6, 8);
  return {
    number, scenario: "large.toml", directory: "trials/large-0001", replay: "lastcall replay trials/large-0001", traced: true,
    story: ["A large trial."], plan: ["runs a server"], stop_us: stopAt * step, left_out: 0,
    verdicts: [{ property: "close-handshake", outcome: "fail", reason: "1 connection was reset", consequence_of: "", evidence: [stopAt + 100] }],
    groups: [{ name: 'clients "orders"', first: 0 }, { name: 'clients "feeds"', first: connections / 2 }], stacks: [], waits: [], stuck: [],
    connections: { ...own, reasons: ["finished", "server_closed", "reset", "timeout", "protocol", "harness", "unconnected"] },
    events: { ...columns, kinds, texts },
  };
}

function campaignOf(number) {
  const property = { name: "close-handshake", verdict: "fail", required: false, beside: false, pass: 0, fail: 1, unknown: 0, not_applicable: 0,
    judged: 1, bound: "", upper_bound: 1, reason: "1 connection was reset", noted: "", not_judged: "", failing_trials: [number] };
  return {
    format: "lastcall-page", version: 1, lastcall_version: "0.1.0", started_utc: "2026-01-31T12:00:00Z", seed: "1", duration_ns: 1e10, results: "results",
    exit_code: 1, interrupted: false, past: [], decision: "Do not ship:", why: "at least one property failed.",
    scenarios: [{ scenario: "large.toml", about: "", planned: 1, untraced: 0, gave_up: "", not_tried: "", silent: [], properties: [property],
      findings: [{ property: property.name, reason: property.reason, trials: [number], consequences: [] }],
      trials: [{ n: number, out: "fail", ns: 1e10, stop: 3e9, up: 10, failed: [property.name], dir: "trials/large-0001", phase: "load", after: 7e9 }] }],
  };
}

export function largePage(page, events, connections) {
  const script = (id, data) => `<script type="application/json" id="${id}">${JSON.stringify(data).replaceAll("<", "\\u003c")}</script>\n`;
  const data = script("campaign", campaignOf(1)) + script("trial-1", trialOf(1, events, connections));
  return page.replace(DATA, "").replace(/<!--lastcall-data-->|(?=<script type="module")/, () => data);
}
