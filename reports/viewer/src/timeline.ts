// The timeline of a trial on a canvas, because half a million events are too many for elements. Draws what is visible: where
// there are more events than pixels, how many there are.
import { Lane, LANE_NAMES, lowerBound, Trial } from "./data";
import { duration } from "./dom";

const GUTTER = 118;
const AXIS = 26;
const MARK_LANE = 30;
const AREA = 74;
const ROW = 9;
const ROWS_HEIGHT = 190;
const MARK_LANES: Lane[] = ["phases", "faults", "target", "output", "notifications", "calls", "lastcall"];
const FONT = "12px system-ui, sans-serif";

export interface View { from: number; to: number }
export interface Picked { event?: number; connection?: number }
interface Place { lane: Lane | "connections"; top: number; height: number }

export class Timeline {
  readonly canvas = document.createElement("canvas");
  view: View;
  event = -1;
  order: Int32Array;  // connections, as their rows are ordered
  private row = 0;
  private places: Place[] = [];
  private colours: Record<string, string> = {};
  private begins: Float64Array;
  private ends: Float64Array;
  private readonly proofs: Set<number>;
  private queued = false;
  private hover = -1;

  constructor(private readonly trial: Trial, private readonly changed: () => void, private readonly picked: (what: Picked) => void) {
    this.view = this.whole();
    this.proofs = new Set(trial.evidence);
    this.order = Int32Array.from({ length: trial.connections.count }, (_, i) => i);
    const { begin, end, count } = trial.connections;
    this.begins = Float64Array.from(trial.connections.up.filter((t) => t >= 0)).sort();
    const gone: number[] = [];
    for (let i = 0; i < count; ++i) if (trial.connections.up[i] >= 0) gone.push(end[i] >= 0 ? end[i] : Math.max(begin[i], trial.last));
    this.ends = Float64Array.from(gone).sort();
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "timeline");
    this.listen();
    this.restyle();
  }

  whole(): View {
    const margin = this.trial.last * 0.01;
    return { from: -margin, to: this.trial.last + margin };
  }

  // Around the stop and what proves the verdicts.
  around(): View {
    const times = this.trial.evidence.map((event) => this.trial.at[event]);
    if (this.trial.text.stop_us >= 0) times.push(this.trial.text.stop_us);
    if (times.length === 0) return this.whole();
    const from = Math.min(...times);
    const to = Math.max(...times);
    const margin = Math.max(5_000, (to - from) * 0.15);
    return { from: from - margin, to: to + margin };
  }

  show(view: View): void {
    const least = 20;
    const whole = this.whole();
    const span = Math.min(Math.max(view.to - view.from, least), whole.to - whole.from);
    let from = (view.from + view.to) / 2 - span / 2;
    from = Math.min(Math.max(from, whole.from), whole.to - span);
    this.view = { from, to: from + span };
    this.redraw();
    this.changed();
  }

  zoom(factor: number, at = (this.view.from + this.view.to) / 2): void {
    this.show({ from: at + (this.view.from - at) * factor, to: at + (this.view.to - at) * factor });
  }

  pan(share: number): void {
    const by = (this.view.to - this.view.from) * share;
    this.show({ from: this.view.from + by, to: this.view.to + by });
  }

  select(event: number): void {
    this.event = event;
    const at = this.trial.at[event];
    if (at < this.view.from || at > this.view.to) {
      const half = (this.view.to - this.view.from) / 2;
      this.show({ from: at - half, to: at + half });
    }
    const connection = this.trial.connection[event];
    if (connection >= 0) this.reveal(connection);
    this.redraw();
  }

  // The next event that proves a verdict, or the one before.
  step(by: 1 | -1): void {
    const { evidence } = this.trial;
    if (evidence.length === 0) return;
    const now = lowerBound(evidence.length, (i) => evidence[i], this.event);
    const next = by > 0 ? (evidence[now] === this.event ? now + 1 : now) : now - 1;
    this.picked({ event: evidence[(next + evidence.length) % evidence.length] });
  }

  order_by(connections: Int32Array): void {
    this.order = connections;
    this.row = 0;
    this.redraw();
  }

  redraw(): void {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      this.draw();
    });
  }

  restyle(): void {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["text", "quiet", "line", "panel", "accent", "pass", "fail", "unknown", "consequence", "load", "drain", "start", "after", "mark"])
      this.colours[name] = style.getPropertyValue(`--${name}`).trim();
    this.redraw();
  }

  private rowsHeight(): number {
    return Math.min(ROWS_HEIGHT, Math.max(44, this.trial.connections.count * ROW + 8));
  }
  private rowsShown(): number {
    return Math.floor((this.rowsHeight() - 6) / ROW);
  }

  private reveal(connection: number): void {
    const at = this.order.indexOf(connection);
    if (at < 0 || (at >= this.row && at < this.row + this.rowsShown())) return;
    this.scroll(at - Math.floor(this.rowsShown() / 2) - this.row);
  }

  private scroll(rows: number): void {
    this.row = Math.min(Math.max(0, this.row + rows), Math.max(0, this.order.length - this.rowsShown()));
    this.redraw();
  }

  private x(at: number): number {
    return GUTTER + ((at - this.view.from) / (this.view.to - this.view.from)) * (this.width - GUTTER);
  }
  private time(x: number): number {
    return this.view.from + ((x - GUTTER) / (this.width - GUTTER)) * (this.view.to - this.view.from);
  }
  private get width(): number {
    return this.canvas.clientWidth;
  }

  private layout(): number {
    let top = AXIS;
    this.places = [];
    for (const lane of MARK_LANES) {
      if (this.trial.inLane[lane].length === 0) continue;
      this.places.push({ lane, top, height: MARK_LANE });
      top += MARK_LANE;
    }
    if (this.trial.connections.count > 0) {
      this.places.push({ lane: "clients", top, height: AREA });
      top += AREA;
      const height = this.rowsHeight();
      this.places.push({ lane: "connections", top, height });
      top += height;
    }
    return top + 4;
  }

  private draw(): void {
    const height = this.layout();
    this.canvas.style.height = `${height}px`;
    const ratio = devicePixelRatio || 1;
    const width = this.width;
    if (width === 0) return;
    if (this.canvas.width !== Math.round(width * ratio) || this.canvas.height !== Math.round(height * ratio)) {
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(height * ratio);
    }
    const g = this.canvas.getContext("2d") as CanvasRenderingContext2D;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = FONT;
    g.textBaseline = "middle";
    this.drawAxis(g, height);
    for (const place of this.places) {
      g.fillStyle = this.colours.line;
      g.fillRect(0, place.top, width, 1);
      this.drawName(g, place);
      g.save();
      g.beginPath();
      g.rect(GUTTER, place.top, width - GUTTER, place.height);
      g.clip();
      if (place.lane === "phases") this.drawPhases(g, place);
      else if (place.lane === "clients") this.drawClients(g, place);
      else if (place.lane === "connections") this.drawConnections(g, place);
      else this.drawMarks(g, place, place.lane);
      g.restore();
    }
    this.drawLine(g, this.trial.text.stop_us, this.colours.drain, height);
    if (this.event >= 0) this.drawLine(g, this.trial.at[this.event], this.colours.accent, height);
  }

  private drawName(g: CanvasRenderingContext2D, { lane, top, height }: Place): void {
    g.fillStyle = this.colours.quiet;
    if (lane === "connections") {
      const last = Math.min(this.order.length, this.row + this.rowsShown());
      g.fillText("Connections", 6, top + 14);
      g.fillText(this.order.length === 0 ? "none" : `${this.row + 1}–${last} of ${this.order.length}`, 6, top + 32);
      return;
    }
    g.fillText(LANE_NAMES[lane], 6, top + Math.min(height, MARK_LANE) / 2);
  }

  private drawLine(g: CanvasRenderingContext2D, at: number, colour: string, height: number): void {
    if (at < this.view.from || at > this.view.to) return;
    g.fillStyle = colour;
    g.fillRect(this.x(at) - 0.75, AXIS - 6, 1.5, height);
  }

  private drawAxis(g: CanvasRenderingContext2D, height: number): void {
    const span = this.view.to - this.view.from;
    const rough = span / Math.max(2, (this.width - GUTTER) / 110);
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough) ?? rough;
    const zero = this.trial.zero;
    g.textAlign = "center";
    for (let t = Math.ceil((this.view.from - zero) / step) * step; t + zero <= this.view.to; t += step) {
      const x = this.x(t + zero);
      if (x < GUTTER + 12) continue;
      g.fillStyle = this.colours.line;
      g.fillRect(x, AXIS - 4, 1, height);
      g.fillStyle = this.colours.quiet;
      g.fillText(Math.abs(t) < step / 1e6 ? (this.trial.text.stop_us >= 0 ? "stop" : "0") : `${t < 0 ? "−" : "+"}${duration(Math.abs(t))}`, x, 10);
    }
    g.textAlign = "left";
  }

  private drawPhases(g: CanvasRenderingContext2D, { top, height }: Place): void {
    const events = this.trial.inLane.phases;
    events.forEach((event, i) => {
      const next = i + 1 < events.length ? this.trial.at[events[i + 1]] : this.trial.last;
      const from = Math.max(GUTTER, this.x(this.trial.at[event]));
      const to = Math.min(this.width, this.x(next));
      if (to <= from) return;
      const name = /^phase (\w+)/.exec(this.trial.words(event))?.[1] ?? "";
      g.fillStyle = this.colours[name] ?? this.colours.mark;
      g.fillRect(from, top + 4, to - from, height - 8);
      g.fillStyle = this.colours.text;
      if (to - from > 40) g.fillText(name, from + 6, top + height / 2, to - from - 8);
    });
  }

  private drawMarks(g: CanvasRenderingContext2D, { top, height }: Place, lane: Lane): void {
    const events = this.trial.inLane[lane];
    const { at } = this.trial;
    const first = lowerBound(events.length, (i) => at[events[i]], this.view.from);
    const last = lowerBound(events.length, (i) => at[events[i]], this.view.to);
    if (last - first > (this.width - GUTTER) / 2) {
      this.drawDensity(g, { top, height, lane }, (bin) => {
        for (let i = first; i < last; ++i) bin(at[events[i]]);
      });
    } else {
      this.drawEach(g, { top, height }, events.subarray(first, last));
    }
    for (const event of this.trial.evidence) {
      if (this.trial.lane(event) !== lane || at[event] < this.view.from || at[event] > this.view.to) continue;
      this.drawEvidence(g, this.x(at[event]), top + height / 2);
    }
  }

  // With their words where there is room.
  private drawEach(g: CanvasRenderingContext2D, { top, height }: { top: number; height: number }, events: Int32Array): void {
    events.forEach((event, i) => {
      const x = this.x(this.trial.at[event]);
      const next = i + 1 < events.length ? this.x(this.trial.at[events[i + 1]]) : this.width;
      g.fillStyle = event === this.event ? this.colours.accent : this.colours.mark;
      g.fillRect(x - 1, top + 5, 2.5, height - 10);
      const room = Math.min(next - x - 10, 420);
      if (room < 26) return;
      g.fillStyle = this.colours.text;
      const gap = this.proofs.has(event) ? 11 : 6;
      g.fillText(this.fitted(g, this.trial.words(event), room - gap + 6), x + gap, top + height / 2);
    });
  }

  private fitted(g: CanvasRenderingContext2D, text: string, room: number): string {
    const most = Math.max(2, Math.floor(room / 5));
    let cut = text.slice(0, most);
    while (cut.length > 2 && g.measureText(`${cut}…`).width > room) cut = cut.slice(0, -2);
    return cut === text ? text : `${cut}…`;
  }

  private drawDensity(g: CanvasRenderingContext2D, { top, height }: Place, each: (bin: (at: number) => void) => void): void {
    const bins = new Uint32Array(Math.ceil((this.width - GUTTER) / 2) + 1);
    const scale = (bins.length - 1) / (this.view.to - this.view.from);
    const from = this.view.from;
    each((at) => ++bins[Math.floor((at - from) * scale)]);
    const most = bins.reduce((a, b) => Math.max(a, b), 1);
    g.fillStyle = this.colours.mark;
    bins.forEach((count, i) => {
      if (count === 0) return;
      const size = Math.max(2, ((height - 8) * Math.log1p(count)) / Math.log1p(most));
      g.fillRect(GUTTER + 2 * i, top + height - 4 - size, 2, size);
    });
  }

  private drawEvidence(g: CanvasRenderingContext2D, x: number, y: number): void {
    g.strokeStyle = this.colours.fail;
    g.lineWidth = 2;
    g.beginPath();
    g.arc(x, y, 6, 0, 7);
    g.stroke();
  }

  // How many connections were up, and how many events there were.
  private drawClients(g: CanvasRenderingContext2D, place: Place): void {
    const { top, height } = place;
    const most = Math.max(1, this.begins.length);
    const up = (at: number) =>
      lowerBound(this.begins.length, (i) => this.begins[i], at + 0.5) - lowerBound(this.ends.length, (i) => this.ends[i], at + 0.5);
    let peak = 1;
    for (let x = GUTTER; x < this.width; x += 2) peak = Math.max(peak, up(this.time(x)));
    g.fillStyle = this.colours.load;
    for (let x = GUTTER; x < this.width; x += 2) {
      const size = ((height - 22) * Math.min(most, up(this.time(x)))) / peak;
      g.fillRect(x, top + height - size, 2, size);
    }
    const events = this.trial.inLane.clients;
    const { at } = this.trial;
    const first = lowerBound(events.length, (i) => at[events[i]], this.view.from);
    const last = lowerBound(events.length, (i) => at[events[i]], this.view.to);
    this.drawDensity(g, { ...place, top: top + height - 30, height: 30 }, (bin) => {
      for (let i = first; i < last; ++i) bin(at[events[i]]);
    });
    g.fillStyle = this.colours.text;
    g.fillText(`${peak} up, ${(last - first).toLocaleString("en")} events`, GUTTER + 6, top + 11);
  }

  private drawConnections(g: CanvasRenderingContext2D, { top }: Place): void {
    const { begin, up, goodbye, end, why, reasons } = this.trial.connections;
    const shown = this.order.subarray(this.row, this.row + this.rowsShown());
    shown.forEach((connection, i) => {
      const y = top + 3 + i * ROW;
      const bar = (from: number, to: number, colour: string, size: number) => {
        const left = Math.max(GUTTER, this.x(from));
        const right = Math.min(this.width, this.x(to));
        if (right < GUTTER || left > this.width) return;
        g.fillStyle = colour;
        g.fillRect(left, y + (ROW - 2 - size) / 2, Math.max(1, right - left), size);
      };
      const over = end[connection] >= 0 ? end[connection] : this.trial.last;
      bar(begin[connection], up[connection] >= 0 ? up[connection] : over, this.colours.line, 3);
      if (up[connection] >= 0) bar(up[connection], goodbye[connection] >= 0 ? goodbye[connection] : over, this.colours.pass, 5);
      if (goodbye[connection] >= 0) bar(goodbye[connection], over, this.colours.drain, 5);
      const reason = reasons[why[connection]] ?? "";
      if (["reset", "timeout", "protocol"].includes(reason)) bar(over, over, this.colours.fail, ROW - 2);
    });
    const rows = new Map([...shown].map((connection, i) => [connection, i]));
    for (const event of this.trial.evidence) {
      const row = rows.get(this.trial.connection[event]);
      if (row !== undefined) this.drawEvidence(g, this.x(this.trial.at[event]), top + 3 + row * ROW + ROW / 2);
    }
    const selected = this.event >= 0 ? rows.get(this.trial.connection[this.event]) : undefined;
    if (selected === undefined) return;
    g.strokeStyle = this.colours.accent;
    g.lineWidth = 1;
    g.strokeRect(GUTTER + 0.5, top + 2 + selected * ROW, this.width - GUTTER - 1, ROW);
  }

  // --- pointer and keys ---

  private placeAt(y: number): Place | undefined {
    return this.places.find((place) => y >= place.top && y < place.top + place.height);
  }

  private near(x: number, y: number): Picked {
    const place = this.placeAt(y);
    if (place === undefined || x < GUTTER) return {};
    let events: Int32Array | number[] = place.lane === "connections" ? [] : this.trial.inLane[place.lane];
    let connection: number | undefined;
    if (place.lane === "connections") {
      connection = this.order[this.row + Math.floor((y - place.top - 3) / ROW)];
      if (connection === undefined) return {};
      const first = lowerBound(this.trial.at.length, (i) => this.trial.at[i], this.time(x - 8));
      const last = lowerBound(this.trial.at.length, (i) => this.trial.at[i], this.time(x + 8));
      const own: number[] = [];
      for (let i = first; i < last; ++i) if (this.trial.connection[i] === connection) own.push(i);
      events = own;
    }
    const at = this.time(x);
    const next = lowerBound(events.length, (i) => this.trial.at[events[i]], at);
    const event = [events[next - 1], events[next]].filter((one) => one !== undefined)
      .sort((a, b) => Math.abs(this.trial.at[a] - at) - Math.abs(this.trial.at[b] - at))[0];
    const isNear = event !== undefined && Math.abs(this.x(this.trial.at[event]) - x) < (place.lane === "connections" ? 8 : 40);
    return { ...(isNear ? { event } : {}), ...(connection === undefined ? {} : { connection }) };
  }

  private listen(): void {
    let dragged: { x: number; moved: boolean; view: View } | null = null;
    this.canvas.addEventListener("pointerdown", (e) => {
      dragged = { x: e.offsetX, moved: false, view: this.view };
      this.canvas.setPointerCapture(e.pointerId);
    });
    this.canvas.addEventListener("pointermove", (e) => {
      if (dragged === null) {
        const { event } = this.near(e.offsetX, e.offsetY);
        this.canvas.style.cursor = event === undefined ? "grab" : "pointer";
        this.canvas.title = event === undefined || event === this.hover ? this.canvas.title : `${this.trial.relative(this.trial.at[event])} ${this.trial.address(event)} ${this.trial.words(event)}`.slice(0, 400);
        if (event === undefined) this.canvas.removeAttribute("title");
        this.hover = event ?? -1;
        return;
      }
      dragged.moved ||= Math.abs(e.offsetX - dragged.x) > 3;
      const by = ((dragged.x - e.offsetX) / (this.width - GUTTER)) * (dragged.view.to - dragged.view.from);
      if (dragged.moved) this.show({ from: dragged.view.from + by, to: dragged.view.to + by });
    });
    this.canvas.addEventListener("pointerup", (e) => {
      if (dragged !== null && !dragged.moved) this.picked(this.near(e.offsetX, e.offsetY));
      dragged = null;
    });
    this.canvas.addEventListener("dblclick", (e) => this.zoom(0.4, this.time(e.offsetX)));
    // Without a modifier the wheel scrolls the page, or the rows of connections.
    this.canvas.addEventListener("wheel", (e) => {
      if (e.ctrlKey || e.metaKey) this.zoom(e.deltaY > 0 ? 1.25 : 0.8, this.time(e.offsetX));
      else if (Math.abs(e.deltaX) > Math.abs(e.deltaY)) this.pan(e.deltaX / 1000);
      else if (this.placeAt(e.offsetY)?.lane === "connections" && this.order.length > this.rowsShown()) this.scroll(Math.sign(e.deltaY) * 3);
      else return;
      e.preventDefault();
    }, { passive: false });
    this.canvas.addEventListener("keydown", (e) => {
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      const act: Record<string, () => void> = {
        ArrowLeft: () => this.pan(-0.2), ArrowRight: () => this.pan(0.2), "+": () => this.zoom(0.6), "=": () => this.zoom(0.6),
        "-": () => this.zoom(1.6), "0": () => this.show(this.whole()), e: () => this.show(this.around()), n: () => this.step(1), p: () => this.step(-1),
        ArrowUp: () => this.scroll(-3), ArrowDown: () => this.scroll(3), PageUp: () => this.scroll(-this.rowsShown()), PageDown: () => this.scroll(this.rowsShown()),
        Home: () => this.show({ from: 0, to: this.view.to - this.view.from }),
        End: () => this.show({ from: this.trial.last - (this.view.to - this.view.from), to: this.trial.last }),
      };
      if (act[e.key] === undefined) return;
      act[e.key]();
      e.preventDefault();
    });
  }
}
