// One trial: its story in words, why it failed, then the timeline, its events, stacks, which thread waits for what, and the plan.
import { Campaign, LANE_NAMES, Trial, Verdict } from "./data";
import { chip, copyButton, counted, h } from "./dom";
import { EventsList } from "./events_list";
import { waitGraph, waitPicture } from "./graph";
import { Picked, Timeline } from "./timeline";

const ORDERS = ["as they came", "what proves a verdict first", "reset and failed first", "longest after the stop first"] as const;

// Rows of connections in the order that the user chose.
function ordered(trial: Trial, order: number): Int32Array {
  const { count, begin, end, why, reasons } = trial.connections;
  const all = Array.from({ length: count }, (_, i) => i);
  const proving = new Set(trial.evidence.map((event) => trial.connection[event]));
  const bad = (i: number) => (["reset", "timeout", "protocol"].includes(reasons[why[i]] ?? "") ? 0 : 1);
  const key: ((i: number) => number) | undefined = [undefined, (i: number) => (proving.has(i) ? 0 : 1), bad,
    (i: number) => -(end[i] < 0 ? trial.last : end[i])][order];
  all.sort((a, b) => (key === undefined ? 0 : key(a) - key(b)) || begin[a] - begin[b]);
  return Int32Array.from(all);
}

class View {
  readonly element: HTMLElement;
  private readonly timeline: Timeline;
  private readonly list: EventsList;
  private readonly detail = h("div", { class: "detail", "aria-live": "polite" });
  private readonly find: HTMLInputElement;
  private readonly stacks: HTMLElement[];
  private readonly observer: ResizeObserver;
  private pending = 0;
  private readonly restyle = () => this.timeline.restyle();
  private readonly dark = matchMedia("(prefers-color-scheme: dark)");

  constructor(private readonly campaign: Campaign, private readonly trial: Trial, query: URLSearchParams) {
    this.timeline = new Timeline(trial, () => this.moved(), (what) => this.pick(what));
    this.list = new EventsList(trial, (event) => this.pick({ event }));
    this.find = h("input", { type: "search", placeholder: "Find in events", "aria-label": "Find in events: words, clients, groups" });
    this.find.addEventListener("input", () => this.filtered());
    this.find.value = query.get("find") ?? "";
    this.list.find(this.find.value);
    this.stacks = trial.text.stacks.map((stack, i) => h("details", { id: `stack-${i}`, open: i < 2 },
      h("summary", {}, stack.title), h("p", {}, this.eventButton(stack.event, "Show on the timeline")), h("pre", { tabindex: "0" }, stack.text)));
    this.timeline.canvas.setAttribute("aria-label", this.label());
    this.element = this.page();
    this.observer = new ResizeObserver(() => this.timeline.redraw());
    this.observer.observe(this.timeline.canvas);
    addEventListener("themechange", this.restyle);
    this.dark.addEventListener("change", this.restyle);
    const number = (name: string) => (query.has(name) ? Number(query.get(name)) : NaN);
    const [from, to, event] = [number("from"), number("to"), number("event")];
    if (to > from) this.timeline.show({ from, to });
    else this.timeline.show(this.timeline.around());
    if (event >= 0 && event < trial.at.length) this.pick({ event });
  }

  undo(): void {
    clearTimeout(this.pending);
    this.observer.disconnect();
    removeEventListener("themechange", this.restyle);
    this.dark.removeEventListener("change", this.restyle);
  }

  private label(): string {
    const { trial } = this;
    return `Timeline of ${counted(trial.at.length, "event")} and ${counted(trial.connections.count, "connection")}. Arrow keys left and right move, plus and minus zoom, ` +
      "0 shows all, e shows the evidence, n and p go to the next and the previous piece of evidence, arrow keys up and down scroll the connections. The events are listed below.";
  }

  private moved(): void {
    this.list.show(this.timeline.view.from, this.timeline.view.to);
    this.remember();
  }

  private filtered(): void {
    this.list.find(this.find.value);
    this.moved();
  }

  // The address of what is shown, so that it can be shared. Not for each step of a drag.
  private remember(): void {
    clearTimeout(this.pending);
    this.pending = setTimeout(() => {
      const query = new URLSearchParams({ from: this.timeline.view.from.toFixed(0), to: this.timeline.view.to.toFixed(0) });
      if (this.timeline.event >= 0) query.set("event", String(this.timeline.event));
      if (this.find.value !== "") query.set("find", this.find.value);
      history.replaceState(null, "", `#trial-${this.trial.text.number}?${query}`);
    }, 150);
  }

  private pick({ event, connection }: Picked): void {
    if (event !== undefined) {
      this.timeline.select(event);
      this.list.select(event);
      this.describe(event);
      this.remember();
    } else if (connection !== undefined) {
      this.find.value = this.trial.who(connection);
      this.filtered();
    }
  }

  private describe(event: number): void {
    const { trial } = this;
    const proves = trial.text.verdicts.filter((verdict) => verdict.evidence.includes(event));
    const stack = trial.text.stacks.findIndex((one) => one.event === event);
    this.detail.replaceChildren(
      h("div", {}, h("strong", {}, trial.relative(trial.at[event])), ` ${LANE_NAMES[trial.lane(event)]}`,
        trial.address(event) !== "" && `, ${trial.address(event)}`, h("code", { class: "kind" }, trial.kinds[trial.kind[event]])),
      h("div", { class: "said" }, trial.words(event)),
      ...proves.map((verdict) => h("div", {}, chip(verdict.outcome), ` proves ${verdict.property}`)),
      stack >= 0 && h("a", { href: `#stack-${stack}`, click: (e) => { e.preventDefault(); this.toStack(stack); } }, "See the stack") || "");
  }

  private toStack(i: number): void {
    const details = this.stacks[i] as HTMLDetailsElement;
    details.open = true;
    details.scrollIntoView({ block: "center" });
    details.querySelector("summary")?.focus();
  }

  private eventButton(event: number, text: string): HTMLElement {
    return h("button", { type: "button", class: "link", click: () => {
      this.pick({ event });
      this.timeline.canvas.scrollIntoView({ block: "nearest" });
    } }, text);
  }

  private verdict(verdict: Verdict): HTMLElement {
    const { trial } = this;
    return h("li", { class: "finding" },
      h("div", {}, chip(verdict.outcome), " ", h("strong", {}, verdict.property),
        verdict.consequence_of !== "" && ` as a consequence of ${verdict.consequence_of}`),
      h("p", { class: "reason" }, verdict.reason),
      verdict.evidence.length > 0 && h("details", { open: verdict.outcome === "fail" && verdict.consequence_of === "" },
        h("summary", {}, `Proved by ${counted(verdict.evidence.length, "event")}`),
        h("ul", { class: "evidence" }, ...verdict.evidence.filter((event) => event < trial.at.length).map((event) =>
          h("li", {}, this.eventButton(event, trial.relative(trial.at[event])), " ",
            trial.address(event) !== "" && `${trial.address(event)}: `, trial.words(event))))));
  }

  // What is judged over the campaign speaks against a trial without a verdict of its own.
  private overCampaign(): HTMLElement[] {
    const own = new Set(this.trial.text.verdicts.map((verdict) => verdict.property));
    return this.campaign.scenarios.flatMap((scenario) => scenario.findings)
      .filter((finding) => finding.trials.includes(this.trial.text.number) && !own.has(finding.property))
      .map((finding) => h("li", { class: "finding" }, h("div", {}, chip("fail"), " ", h("strong", {}, finding.property), " over the whole campaign"),
        h("p", { class: "reason" }, finding.reason)));
  }

  private tools(): HTMLElement {
    const button = (name: string, label: string, act: () => void) => h("button", { type: "button", "aria-label": label, click: act }, name);
    const order = h("select", { "aria-label": "Order of connections", change: () =>
      this.timeline.order_by(ordered(this.trial, order.selectedIndex)) }, ...ORDERS.map((name) => h("option", {}, name)));
    const t = this.timeline;
    order.selectedIndex = this.trial.evidence.some((event) => this.trial.connection[event] >= 0) ? 1 : 0;
    t.order_by(ordered(this.trial, order.selectedIndex));
    return h("div", { class: "tools" }, button("−", "Zoom out", () => t.zoom(1.6)), button("+", "Zoom in", () => t.zoom(0.6)),
      button("All", "Show the whole trial", () => t.show(t.whole())), button("Evidence", "Show the stop and the evidence", () => t.show(t.around())),
      button("‹", "Previous piece of evidence", () => t.step(-1)), button("›", "Next piece of evidence", () => t.step(1)),
      this.trial.connections.count > 1 && h("label", {}, "Connections ", order));
  }

  private page(): HTMLElement {
    const { text } = this.trial;
    const graph = waitGraph(text.waits, text.stuck);
    return h("div", {},
      h("h1", {}, `Trial ${text.number}`, !text.traced && " (untraced)"), h("p", { class: "about" }, text.scenario),
      h("section", { class: "story" }, h("h2", {}, "What happened"), ...text.story.map((one) => h("p", {}, one))),
      h("section", {}, h("h2", {}, "Why"), h("ul", { class: "plain" }, ...text.verdicts.map((one) => this.verdict(one)), ...this.overCampaign())),
      text.replay !== "" && h("section", {}, h("h2", {}, "Run it again"), h("p", { class: "line" }, h("code", {}, text.replay), " ", copyButton(text.replay))),
      h("section", {}, h("h2", {}, "Timeline"), this.tools(), this.timeline.canvas,
        h("p", { class: "note" }, "Drag or use the arrow keys to move, Ctrl and the wheel or + and − to zoom, click an event to read it. ",
          "A connection is thin while it comes up, ", h("span", { class: "key pass" }, "green"), " while it is up, ",
          h("span", { class: "key drain" }, "amber"), " from the server's goodbye on; ", h("span", { class: "key fail" }, "red"),
          " marks a reset, a time-out or a broken protocol; a red ring is evidence.",
          text.left_out > 0 && ` ${counted(text.left_out, "event")} of clients, far from the stop, are not in this page: history.jsonl has them.`),
        this.detail,
        h("div", { class: "tools" }, this.find, this.list.status), this.list.element),
      graph.nodes.size > 0 && h("section", {}, h("h2", {}, "Which thread waits for what"),
        ...text.stuck.map((one) => h("p", { class: "reason" }, one.text)), h("div", { class: "scroll" }, waitPicture(graph))),
      this.stacks.length > 0 && h("section", {}, h("h2", {}, "Stacks and last calls"), ...this.stacks),
      h("section", {}, h("h2", {}, "The plan"), h("ul", {}, ...text.plan.map((line) => h("li", {}, line))),
        text.directory !== "" && h("p", { class: "note" }, `plan.json, history.jsonl and the target's files: ${text.directory}`)));
  }
}

export function trialView(campaign: Campaign, trial: Trial, query: URLSearchParams): { title: string; element: HTMLElement; undo: () => void } {
  const view = new View(campaign, trial, query);
  return { title: `Trial ${trial.text.number}`, element: view.element, undo: () => view.undo() };
}
