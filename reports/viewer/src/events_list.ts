// The events that the timeline shows, as a list that reads well and that a screen reader can read: the rows in sight are
// elements, the others are not.
import { LANE_NAMES, lowerBound, Trial } from "./data";
import { counted, h } from "./dom";

const ROW = 24;

export class EventsList {
  readonly status = h("span", { role: "status", class: "note" });
  readonly element: HTMLElement;
  private readonly space = h("div", { class: "space" });
  private events: Int32Array = new Int32Array(0);
  private matches: Uint8Array | null = null;  // of texts
  private whos: Uint8Array | null = null;  // of connections
  private selected = -1;

  constructor(private readonly trial: Trial, private readonly picked: (event: number) => void) {
    this.element = h("div", { class: "events", role: "listbox", tabindex: "0", "aria-label": "Events, in order of time" }, this.space);
    this.element.addEventListener("scroll", () => this.render());
    this.element.addEventListener("keydown", (e) => this.key(e));
  }

  // Words and names that hold `text`.
  find(text: string): void {
    const wanted = text.trim().toLowerCase();
    const holds = (one: string) => (one.toLowerCase().includes(wanted) ? 1 : 0);
    this.matches = wanted === "" ? null : Uint8Array.from(this.trial.texts, holds);
    this.whos = wanted === "" ? null : Uint8Array.from({ length: this.trial.connections.count }, (_, i) => holds(this.trial.who(i)));
  }

  show(from: number, to: number): void {
    const { at, textOf, connection } = this.trial;
    const first = lowerBound(at.length, (i) => at[i], from);
    const last = lowerBound(at.length, (i) => at[i], to + 1);
    const found = new Int32Array(last - first);
    let count = 0;
    for (let i = first; i < last; ++i)
      if (this.matches === null || this.matches[textOf[i]] === 1 || (connection[i] >= 0 && this.whos?.[connection[i]] === 1)) found[count++] = i;
    this.events = found.subarray(0, count);
    this.status.textContent = `${counted(count, "event")} of ${at.length.toLocaleString("en")}`;
    // A browser does not draw elements of more than some 30 million pixels.
    this.space.style.height = `${Math.min(this.events.length, 1_000_000) * ROW}px`;
    this.render();
  }

  select(event: number): void {
    this.selected = event;
    const at = lowerBound(this.events.length, (i) => this.events[i], event);
    const top = at * ROW;
    if (top < this.element.scrollTop || top + ROW > this.element.scrollTop + this.element.clientHeight)
      this.element.scrollTop = top - this.element.clientHeight / 2;
    this.render();
  }

  render(): void {
    const first = Math.max(0, Math.floor(this.element.scrollTop / ROW) - 4);
    const last = Math.min(this.events.length, first + Math.ceil((this.element.clientHeight || 260) / ROW) + 8);
    const rows: HTMLElement[] = [];
    for (let i = first; i < last; ++i) rows.push(this.rowOf(this.events[i], i));
    this.space.replaceChildren(...rows);
    const active = rows.find((row) => row.getAttribute("aria-selected") === "true");
    if (active === undefined) this.element.removeAttribute("aria-activedescendant");
    else this.element.setAttribute("aria-activedescendant", active.id);
  }

  private rowOf(event: number, i: number): HTMLElement {
    const who = this.trial.address(event);
    const proves = this.trial.evidence.includes(event);
    return h("div", {
      class: `event${proves ? " proves" : ""}`, role: "option", id: `event-${event}`, style: `top:${i * ROW}px`,
      "aria-selected": String(event === this.selected), "aria-posinset": i + 1, "aria-setsize": this.events.length,
      click: () => this.picked(event),
    }, h("span", { class: "time" }, this.trial.relative(this.trial.at[event])),
      h("span", { class: "lane" }, LANE_NAMES[this.trial.lane(event)]),
      h("span", { class: "words" }, who !== "" && h("span", { class: "who" }, `${who}: `), this.trial.words(event)));
  }

  private key(e: KeyboardEvent): void {
    const by: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
    if (by[e.key] === undefined || this.events.length === 0) return;
    const now = lowerBound(this.events.length, (i) => this.events[i], this.selected);
    const next = Math.min(this.events.length - 1, Math.max(0, this.selected < 0 ? 0 : now + by[e.key]));
    this.picked(this.events[next]);
    e.preventDefault();
  }
}
