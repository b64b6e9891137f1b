// What lastcall has put into the page (reports/page.cpp, reports/trial_page.cpp).

export interface Property {
  name: string; verdict: string; required: boolean; beside: boolean;
  pass: number; fail: number; unknown: number; not_applicable: number; judged: number;
  bound: string; upper_bound: number; reason: string; noted: string; not_judged: string; failing_trials: number[];
  trend?: ([number, number] | null)[];  // of each earlier campaign failures and trials; null: it did not judge it
}
export interface Consequence { property: string; reason: string; trials: number[] }
export interface Finding { property: string; reason: string; trials: number[]; consequences: Consequence[] }
export interface TrialRow {
  n: number; out: string; ns: number; stop: number; up: number;
  failed?: string[]; untraced?: boolean; broken?: string; dir?: string; phase?: string; after?: number;
}
export interface Scenario {
  scenario: string; about: string; planned: number; untraced: number; gave_up: string; not_tried: string;
  silent: { group: string; what: string }[]; properties: Property[]; findings: Finding[]; trials: TrialRow[];
}
export interface GateFinding { scenario: string; property: string; rule: string; standing: string; text: string; more: number }
export interface Gate { policy: string; standing: string; verdict: string; findings: GateFinding[]; known: string[] }
export interface Past { started_utc: string; version: string }
export interface Campaign {
  format: string; version: number; lastcall_version: string; started_utc: string; seed: string; duration_ns: number;
  results: string; exit_code: number; interrupted: boolean; decision: string; why: string; scenarios: Scenario[];
  gate?: Gate; past: Past[];
}

export interface Verdict { property: string; outcome: string; reason: string; consequence_of: string; evidence: number[] }
export interface Stack { event: number; title: string; text: string }
export interface Wait { event: number; pid: number; tid: number; thread: string; place: string; waits: string }
export interface Stuck { deadlock: boolean; certain: boolean; text: string }
interface TrialText {
  number: number; scenario: string; directory: string; replay: string; traced: boolean;
  story: string[]; plan: string[]; verdicts: Verdict[]; stop_us: number; left_out: number;
  groups: { name: string; first: number }[]; stacks: Stack[]; waits: Wait[]; stuck: Stuck[];
}
interface Columns {
  connections: { client: number[]; attempt: number[]; group: number[]; begin: number[]; up: number[]; goodbye: number[];
                 end: number[]; why: number[]; reasons: string[] };
  events: { at: number[]; kind: number[]; text: number[]; connection: number[]; request: number[];
            kinds: string[]; texts: string[] };
}

export const LANES = ["phases", "faults", "target", "output", "notifications", "calls", "lastcall", "clients"] as const;
export type Lane = (typeof LANES)[number];
export const LANE_NAMES: Record<Lane, string> = {
  phases: "Phases", faults: "Faults, holds", target: "Target", output: "Output", notifications: "Notifications",
  calls: "Traced calls", lastcall: "lastcall itself", clients: "Clients",
};

export interface Connections {
  count: number; begin: Float64Array; up: Float64Array; goodbye: Float64Array; end: Float64Array; why: Int8Array;
  reasons: string[];
}

// The story of one trial. Times are microseconds since its first event.
export class Trial {
  readonly text: TrialText;
  readonly connections: Connections;
  readonly at: Float64Array;
  readonly connection: Int32Array;
  readonly request: Int32Array;
  readonly kind: Uint16Array;
  readonly textOf: Int32Array;
  readonly texts: string[];
  readonly kinds: string[];
  readonly lanes: Lane[];  // of each kind
  readonly inLane: Record<Lane, Int32Array>;  // events, in order
  readonly evidence: number[];
  readonly stacks = new Map<number, Stack[]>();  // by event
  private readonly of: Columns["connections"];

  constructor(json: TrialText & Columns) {
    const { connections, events, ...text } = json;
    this.text = text;
    this.of = connections;
    const floats = (numbers: number[]) => Float64Array.from(numbers);
    this.connections = {
      count: connections.begin.length, begin: floats(connections.begin), up: floats(connections.up),
      goodbye: floats(connections.goodbye), end: floats(connections.end), why: Int8Array.from(connections.why),
      reasons: connections.reasons,
    };
    this.at = floats(events.at);
    for (let i = 1; i < this.at.length; ++i) this.at[i] += this.at[i - 1];
    this.kind = Uint16Array.from(events.kind);
    this.textOf = Int32Array.from(events.text);
    this.connection = Int32Array.from(events.connection);
    this.request = Int32Array.from(events.request);
    this.texts = events.texts;
    this.kinds = events.kinds.map((kind) => kind.slice(0, kind.indexOf(" ")));
    this.lanes = events.kinds.map((kind) => kind.slice(kind.indexOf(" ") + 1) as Lane);
    const counts = Object.fromEntries(LANES.map((lane) => [lane, 0])) as Record<Lane, number>;
    for (const kind of this.kind) ++counts[this.lanes[kind]];
    this.inLane = Object.fromEntries(LANES.map((lane) => [lane, new Int32Array(counts[lane])])) as Record<Lane, Int32Array>;
    for (const lane of LANES) counts[lane] = 0;
    for (let i = 0; i < this.kind.length; ++i) {
      const lane = this.lanes[this.kind[i]];
      this.inLane[lane][counts[lane]++] = i;
    }
    this.evidence = [...new Set(text.verdicts.flatMap((verdict) => verdict.evidence))].sort((a, b) => a - b);
    for (const stack of text.stacks) this.stacks.set(stack.event, [...(this.stacks.get(stack.event) ?? []), stack]);
  }

  get last(): number {
    return this.at.length === 0 ? 1 : Math.max(1, this.at[this.at.length - 1]);
  }
  // Times are told from the stop on, if there was one.
  get zero(): number {
    return Math.max(0, this.text.stop_us);
  }
  lane(event: number): Lane {
    return this.lanes[this.kind[event]];
  }
  words(event: number): string {
    return this.texts[this.textOf[event]];
  }
  // `clients "orders", client 5, connection 2`
  who(connection: number): string {
    if (connection < 0) return "";
    const group = this.text.groups[this.of.group[connection]];
    const client = this.of.client[connection];
    const attempt = this.of.attempt[connection];
    if (group === undefined) return `${client}/${attempt}`;
    return `${group.name}, client ${client - group.first + 1}${attempt === 0 ? "" : `, connection ${attempt + 1}`}`;
  }
  address(event: number): string {
    const who = this.who(this.connection[event]);
    return this.request[event] < 0 || who === "" ? who : `${who}, request ${this.request[event] + 1}`;
  }
  relative(microseconds: number): string {
    const seconds = (microseconds - this.zero) / 1e6;
    return `${seconds < 0 ? "−" : "+"}${Math.abs(seconds).toFixed(6)} s`;
  }
}

// The first position in the sorted numbers from which on they are at least `value`.
export function lowerBound(length: number, at: (i: number) => number, value: number): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (at(middle) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

const read = new Map<number, Trial>();

export function campaign(): Campaign {
  const script = document.getElementById("campaign");
  if (script === null) throw new Error("the page holds no campaign: make it with `lastcall report RESULTS --format html`");
  return JSON.parse(script.textContent ?? "") as Campaign;
}

export function hasStory(number: number): boolean {
  return document.getElementById(`trial-${number}`) !== null;
}

export function trial(number: number): Trial | null {
  const known = read.get(number);
  if (known !== undefined) return known;
  const script = document.getElementById(`trial-${number}`);
  if (script === null) return null;
  const made = new Trial(JSON.parse(script.textContent ?? "") as TrialText & Columns);
  read.set(number, made);
  return made;
}
