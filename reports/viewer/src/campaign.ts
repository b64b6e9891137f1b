// All trials of a scenario: when the stop came against how long the exit took, how many were still running after how long,
// what failed by property and by cause. Each picture has its numbers as a table.
import * as Plot from "@observablehq/plot";
import { Campaign, hasStory, Scenario, TrialRow } from "./data";
import { counted, duration, h } from "./dom";

const OUTCOMES = ["fail", "unknown", "broken", "pass", "not-applicable"];
const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const colour = () => ({ domain: OUTCOMES, range: ["--fail", "--unknown", "--broken", "--pass", "--quiet"].map(css) });

interface Point { row: TrialRow; x: number; y: number; phase: string; outcome: string }

function pointsOf(rows: TrialRow[]): Point[] {
  return rows.filter((row) => row.after !== undefined).map((row) => ({
    row, x: (row.after ?? 0) / 1e6, y: row.stop / 1e6, phase: row.phase ?? "", outcome: row.out,
  }));
}

function table(caption: string, heads: string[], rows: (string | number)[][]): HTMLElement {
  return h("details", {}, h("summary", {}, caption),
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, ...rows.slice(0, 1000).map((row) => h("tr", {}, ...row.map((cell) => h("td", {}, cell))))))),
    rows.length > 1000 && h("p", { class: "note" }, `The first 1,000 of ${rows.length.toLocaleString("en")}; report.json has all.`));
}

function figure(title: string, about: string, picture: Element, numbers: HTMLElement): HTMLElement {
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", `${title}. ${about}`);
  return h("figure", {}, h("figcaption", {}, h("h3", {}, title), h("p", { class: "note" }, about)), picture, numbers);
}

// Dots of trials with a story are links. The worst outcomes are drawn last, on top.
function scatter(points: Point[], width: number): Element {
  const sorted = [...points].sort((a, b) => OUTCOMES.indexOf(b.outcome) - OUTCOMES.indexOf(a.outcome));
  const phases = [...new Set(points.map((point) => point.phase))];
  return Plot.plot({
    width, height: 320, marginLeft: 56, grid: true, color: { ...colour(), legend: false },
    symbol: { domain: OUTCOMES, range: ["times", "triangle", "square", "circle", "circle"] },
    x: { label: "stop came, milliseconds into the phase →" },
    y: { label: "↑ milliseconds from the stop to the end", type: "symlog", constant: 1, ticks: 6 },
    fx: phases.length > 1 ? { domain: ["start", "load", "drain"].filter((phase) => phases.includes(phase)), label: "phase" } : undefined,
    marks: [
      Plot.frame({ stroke: css("--line") }),
      Plot.dot(sorted, {
        x: "x", y: "y", stroke: "outcome", symbol: "outcome", r: 4, ...(phases.length > 1 ? { fx: "phase" } : {}),
        href: (point: Point) => (hasStory(point.row.n) ? `#trial-${point.row.n}` : null),
        title: (point: Point) => `trial ${point.row.n}: ${point.outcome}${point.row.failed ? ` (${point.row.failed.join(", ")})` : ""}`,
      }),
    ],
  });
}

// The share of stops that had not ended yet, by time since the stop (Kaplan and Meier's estimate without censoring).
function survival(rows: TrialRow[]): { t: number; share: number }[] {
  const times = rows.filter((row) => row.stop > 0).map((row) => row.stop / 1e6).sort((a, b) => a - b);
  return [{ t: 0, share: 1 }, ...times.map((t, i) => ({ t, share: 1 - (i + 1) / times.length }))];
}

function bars(items: { name: string; kind: string; trials: number }[], width: number): Element {
  const names = [...new Set(items.map((item) => item.name))];
  return Plot.plot({
    width, height: 40 + 26 * names.length, marginLeft: Math.min(260, 20 + 7 * Math.max(...names.map((name) => name.length))),
    marginRight: 30, color: { domain: ["by itself", "as a consequence", "unknown"], range: [css("--fail"), css("--consequence"), css("--unknown")], legend: true },
    x: { label: "trials →", grid: true, tickFormat: (n: number) => (Number.isInteger(n) ? String(n) : "") }, y: { label: null, domain: names },
    marks: [Plot.barX(items, { x: "trials", y: "name", fill: "kind" }), Plot.ruleX([0], { stroke: css("--line") })],
  });
}

function failuresByProperty(scenario: Scenario): { name: string; kind: string; trials: number }[] {
  return scenario.properties.flatMap((property) => {
    const self = scenario.findings.filter((one) => one.property === property.name).reduce((sum, one) => sum + one.trials.length, 0);
    return [{ name: property.name, kind: "by itself", trials: self },
            { name: property.name, kind: "as a consequence", trials: property.fail - self },
            { name: property.name, kind: "unknown", trials: property.unknown }].filter((item) => item.trials > 0);
  });
}

function pictures(scenario: Scenario, width: number): HTMLElement[] {
  const points = pointsOf(scenario.trials);
  const curve = survival(scenario.trials);
  const failures = failuresByProperty(scenario);
  const causes = scenario.findings.map((one) => ({ name: one.property, kind: "by itself", trials: one.trials.length }));
  const all: (HTMLElement | false)[] = [
    points.length > 0 && figure("When the stop came, and what happened",
      `${counted(points.length, "stop")}; a trial with a cross failed, a triangle is unknown, a circle passed. Marks of trials with a story are links.`,
      scatter(points, width), table("Numbers", ["trial", "phase", "into it", "to the end", "outcome"], points.map((point) =>
        [point.row.n, point.phase, duration(point.x * 1e3), duration(point.y * 1e3), point.outcome]))),
    curve.length > 1 && figure("How long the exit took", "The share of stops that had not ended yet, by time since the stop. One that lastcall ended past the deadline ends there.",
      Plot.plot({ width, height: 260, marginLeft: 56, grid: true, x: { label: "milliseconds since the stop →" }, y: { label: "↑ still running, %", percent: true, domain: [0, 100] },
        marks: [Plot.line(curve, { x: "t", y: "share", curve: "step-after", stroke: css("--accent"), strokeWidth: 2 }), Plot.ruleY([0], { stroke: css("--line") })] }),
      table("Numbers", ["since the stop", "still running"], curve.map((one) => [duration(one.t * 1e3), `${(100 * one.share).toFixed(1)} %`]))),
    failures.length > 0 && figure("What failed, by property", "In how many trials each property failed by itself, failed as a consequence of another failure, or is unknown.",
      bars(failures, width), table("Numbers", ["property", "how", "trials"], failures.map((one) => [one.name, one.kind, one.trials]))),
    causes.length > 0 && figure("What failed, by cause", "One cause is one finding: failures that followed from it are not counted again.",
      bars(causes, width), table("Numbers", ["cause", "trials", "reason"], scenario.findings.map((one) => [one.property, one.trials.length, one.reason]))),
  ];
  return all.filter((one): one is HTMLElement => one !== false);
}

function trialTable(scenario: Scenario): HTMLElement {
  const kept = scenario.trials.filter((row) => row.dir !== undefined);
  return table(`Trials whose directory was kept: ${kept.length}`, ["trial", "outcome", "failed", "directory"],
    kept.map((row) => [row.n, row.out, (row.failed ?? []).join(", "), row.dir ?? ""]));
}

export function campaignView(data: Campaign, scenario: Scenario): { title: string; element: HTMLElement; undo: () => void } {
  const place = h("div", { class: "figures" });
  const draw = () => place.replaceChildren(...pictures(scenario, Math.min(900, Math.max(320, document.documentElement.clientWidth - 60))));
  draw();
  addEventListener("themechange", draw);
  addEventListener("resize", draw);
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", draw);
  return {
    title: "Campaign",
    element: h("div", {}, h("h1", {}, scenario.scenario),
      h("p", { class: "about" }, `${counted(scenario.trials.length, "trial")}, seed ${data.seed}. ${scenario.about}`), place, trialTable(scenario)),
    undo: () => {
      removeEventListener("themechange", draw);
      removeEventListener("resize", draw);
      dark.removeEventListener("change", draw);
    },
  };
}
