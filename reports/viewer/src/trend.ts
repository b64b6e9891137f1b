// How often a property failed in earlier campaigns and in this one: a picture of a line's height, and the same in words.
import { Past, Property } from "./data";
import { h, svg } from "./dom";

interface Point { failures: number; trials: number; when: string; now: boolean }

const STEP = 12;
const HEIGHT = 26;

// The upper end of the two-sided 95 % interval of Wilson's: how sure the point is. The table's bound is Clopper and Pearson's.
function upper({ failures, trials }: Point): number {
  const z = 1.96;
  const p = failures / trials;
  return (p + z * z / (2 * trials) + z * Math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))) / (1 + z * z / trials);
}

function pointsOf(property: Property, earlier: ([number, number] | null)[], past: Past[]): (Point | null)[] {
  const known = property.pass + property.fail;
  const before = earlier.map((one, i) => one === null ? null
    : { failures: one[0], trials: one[1], when: [past[i].started_utc, past[i].version].filter((text) => text !== "").join(", "), now: false });
  return [...before, known === 0 ? null : { failures: property.fail, trials: known, when: "now", now: true }];
}

// Of this one and of the last before it that judged the property. Whether the difference is chance, `lastcall compare` says.
function words(points: (Point | null)[]): string {
  const now = points[points.length - 1];
  const before = points.slice(0, -1).reverse().find((one) => one !== null);
  if (before === undefined || before === null) return now === null ? "" : "new";
  const last = `${before.failures} of ${before.trials}`;
  if (now === null) return `${last} before, not judged now`;
  return `${now.failures} of ${now.trials}, ${last} before`;
}

// The higher, the more often it failed; each stem goes up to the upper end of its interval.
export function trend(property: Property, earlier: ([number, number] | null)[], past: Past[]): HTMLElement {
  const points = pointsOf(property, earlier, past);
  const said = words(points);
  const width = STEP * points.length;
  const most = Math.max(0.02, ...points.map((one) => (one === null ? 0 : upper(one))));
  const y = (share: number) => HEIGHT - 4 - (HEIGHT - 8) * (share / most);
  const all = points.map((one) => (one === null ? "not judged" : `${one.failures} of ${one.trials}`)).join(", ");
  const picture = svg("svg", { class: "trend", width, height: HEIGHT, viewBox: `0 0 ${width} ${HEIGHT}`, role: "img",
    "aria-label": `Failures of ${property.name} over ${points.length} campaigns, the last one is this: ${all}` },
    svg("line", { x1: 0, x2: width, y1: y(0), y2: y(0) }),
    ...points.flatMap((one, i) => {
      const x = STEP * (i + 0.5);
      if (one === null) return [svg("line", { class: "none", x1: x, x2: x, y1: y(0), y2: 4 })];
      const share = one.failures / one.trials;
      return [svg("line", { class: "stem", x1: x, x2: x, y1: y(share), y2: y(upper(one)) }),
        svg("circle", { class: `${one.failures > 0 ? "fail" : ""}${one.now ? " now" : ""}`, cx: x, cy: y(share), r: 3.5 },
          svg("title", {}, `${one.when}: failed in ${one.failures} of ${one.trials} trials`))];
    }));
  const cell = h("div", {}, h("div", { class: "note" }, said));
  cell.prepend(picture);
  return cell;
}
