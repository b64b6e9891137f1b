// The first screen: whether to ship, and why; a row a property with its bound; what failed and where to look.
import { Campaign, Finding, Gate, GateFinding, hasStory, Past, Property, Scenario, TrialRow } from "./data";
import { chip, copyButton, counted, duration, h } from "./dom";
import { trend } from "./trend";

// Numbers of trials, linked where the page has their story.
function trialLinks(trials: number[]): (Node | string)[] {
  const most = 12;
  const nodes: (Node | string)[] = trials.slice(0, most).flatMap((n, i) =>
    [i === 0 ? "" : ", ", hasStory(n) ? h("a", { href: `#trial-${n}` }, `trial ${n}`) : `trial ${n}`]);
  if (trials.length > most) nodes.push(` and ${trials.length - most} more`);
  return nodes;
}

// How the gate's words look, which are not those of a verdict.
const STANDING: Record<string, string> = { passed: "pass", failed: "fail", "not-settled": "unknown" };
const WORST = ["failed", "not-settled", "passed"];

function standing(word: string): HTMLElement {
  return h("span", { class: `chip ${STANDING[word] ?? ""}` }, word.replace("-", " "));
}

function more(finding: GateFinding): string {
  return finding.more === 0 ? "" : `; ${counted(finding.more, "more clean trial")} would settle it`;
}

function gateItem(finding: GateFinding): HTMLElement {
  const where = [finding.scenario, finding.property].filter((one) => one !== "").join(", ");
  return h("li", {}, standing(finding.standing), " ", h("strong", {}, where === "" ? finding.rule : where), `: ${finding.text}${more(finding)}`);
}

// As many not settled checks are shown at once; more are behind a fold, as those that passed are.
const SHOWN = 6;

function checks(findings: GateFinding[], what: string): HTMLElement | false {
  return findings.length > 0 && h("details", {}, h("summary", {}, `${counted(findings.length, "check")} ${what}`),
    h("ul", { class: "plain" }, ...findings.map(gateItem)));
}

// What keeps the gate from passing, then what it knows of.
function gateSection(gate: Gate): HTMLElement {
  const of = (word: string) => gate.findings.filter((one) => one.standing === word);
  const [failed, open] = [of("failed"), of("not-settled")];
  const shown = [...failed, ...(failed.length === 0 && open.length <= SHOWN ? open : [])];
  return h("section", { class: "gate", "aria-label": "Gate" },
    h("h2", {}, "Gate ", standing(gate.standing)),
    shown.length > 0 && h("ul", { class: "plain" }, ...shown.map(gateItem)),
    shown.length === failed.length && checks(open, "not settled"),
    gate.known.length > 0 && h("div", {}, h("h3", {}, "Known failures"), h("ul", {}, ...gate.known.map((one) => h("li", {}, one)))),
    checks(of("passed"), "passed"));
}

// The worst that the gate says of a property; what it says of it is the title.
function gateCell(gate: Gate, scenario: string, property: string): HTMLElement {
  const own = gate.findings.filter((one) => one.scenario === scenario && one.property === property)
    .sort((a, b) => WORST.indexOf(a.standing) - WORST.indexOf(b.standing));
  if (own.length === 0) return h("td", { class: "note" }, "not asked");
  const needed = Math.max(...own.map((one) => one.more));
  return h("td", { title: own.map((one) => `${one.standing.replace("-", " ")}: ${one.text}${more(one)}`).join("\n") }, standing(own[0].standing),
    needed > 0 && h("div", { class: "note" }, `${needed.toLocaleString("en")} more`));
}

function propertyRow(property: Property, scenario: string, gate: Gate | undefined, past: Past[]): HTMLElement {
  const numbers = [property.pass, property.fail, property.unknown, property.not_applicable, property.judged];
  const known = property.pass + property.fail;
  const bound = property.verdict === "off" || known === 0 ? property.reason : property.bound;
  const share = known === 0 ? null
    : h("div", { class: "bar", "aria-hidden": "true" },
        h("div", { style: `width:${(100 * property.upper_bound).toFixed(2)}%`, class: property.verdict }));
  const row = h("tr", { "data-name": property.name, "data-verdict": property.verdict },
    h("th", { scope: "row" }, property.name, property.required && h("span", { class: "note" }, " required")),
    h("td", {}, chip(property.verdict)),
    ...numbers.map((n) => h("td", { class: n === 0 ? "number zero" : "number" }, n.toLocaleString("en"))),
    h("td", { class: "bound" }, share, bound,
      property.noted !== "" && h("div", { class: "note" }, property.noted),
      property.not_judged !== "" && h("div", { class: "note" }, property.not_judged)),
    gate !== undefined && gateCell(gate, scenario, property.name),
    past.length > 0 && h("td", {}, property.trend !== undefined && trend(property, property.trend, past)));
  return row;
}

function filterOf(table: HTMLTableElement, rest: HTMLElement): HTMLElement {
  const input = h("input", { type: "search", placeholder: "Filter properties", "aria-label": "Filter properties by name or verdict" });
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    let shown = 0;
    for (const row of table.tBodies[0].rows) {
      const fits = `${row.dataset.name} ${row.dataset.verdict}`.toLowerCase().includes(wanted);
      row.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    rest.textContent = wanted === "" ? "" : `${counted(shown, "property").replace("propertys", "properties")} shown`;
  });
  return input;
}

function findingItem(finding: Finding, rows: Map<number, TrialRow>): HTMLElement {
  const first = finding.trials.map((n) => rows.get(n)).find((row) => row !== undefined && hasStory(row.n));
  return h("li", { class: "finding" },
    h("div", {}, chip("fail"), " ", h("strong", {}, finding.property), ` in ${counted(finding.trials.length, "trial")}: `,
      ...trialLinks(finding.trials)),
    h("p", { class: "reason" }, finding.reason),
    finding.consequences.length > 0 && h("details", {},
      h("summary", {}, `Also failed, as a consequence: ${finding.consequences.map((one) => one.property).join(", ")}`),
      h("ul", {}, ...finding.consequences.map((one) =>
        h("li", {}, `${one.property} in ${counted(one.trials.length, "trial")}: ${one.reason}`)))),
    first !== undefined && h("p", {}, h("a", { class: "button", href: `#trial-${first.n}` }, "See what happened")));
}

function list(title: string, items: (HTMLElement | false)[]): HTMLElement | false {
  const shown = items.filter((item): item is HTMLElement => item !== false);
  return shown.length > 0 && h("section", {}, h("h3", {}, title), h("ul", { class: "plain" }, ...shown));
}

function scenarioSection(scenario: Scenario, number: number, { gate, past }: Campaign): HTMLElement {
  const rows = new Map(scenario.trials.map((row) => [row.n, row]));
  const shown = scenario.properties.filter((property) => !property.beside);
  const beside = scenario.properties.filter((property) => property.beside);
  const table = h("table", { class: "properties" },
    h("thead", {}, h("tr", {}, ...["Property", "Verdict", "Pass", "Fail", "Unknown", "N/A", "Judged"].map((name, i) =>
      h("th", { scope: "col", class: i > 1 ? "number" : "" }, name)), h("th", { scope: "col" }, "Bound, or why not"),
      gate !== undefined && h("th", { scope: "col" }, "Gate"), past.length > 0 && h("th", { scope: "col" }, "Trend"))),
    h("tbody", {}, ...shown.map((property) => propertyRow(property, scenario.scenario, gate, past))));
  const status = h("span", { role: "status", class: "note" });
  return h("section", { class: "scenario", id: `scenario-${number}` },
    h("h2", {}, scenario.scenario),
    scenario.about !== "" && h("p", { class: "about" }, scenario.about),
    h("p", {}, `${scenario.trials.length.toLocaleString("en")} of ${counted(scenario.planned, "trial")}`,
      scenario.untraced > 0 && `, ${scenario.untraced} of them untraced`,
      scenario.gave_up !== "" && `: ${scenario.gave_up}`, ". ",
      h("a", { href: `#campaign-${number}` }, "When the stop came, how long it took, what failed by cause")),
    list("Nothing was heard", scenario.silent.map((one) => h("li", {}, h("strong", {}, one.group), `: ${one.what}`))),
    list("What failed", scenario.findings.map((finding) => findingItem(finding, rows))),
    h("div", { class: "tools" }, filterOf(table, status), " ", status),
    h("div", { class: "scroll" }, table),
    list("Not decided", scenario.properties.map((p) => p.unknown > 0 && p.reason !== "" && p.fail === 0 &&
      h("li", {}, chip("unknown"), ` ${p.name} in ${counted(p.unknown, "trial")}: ${p.reason}`))),
    list("Broken trials", scenario.trials.map((row) => row.broken !== undefined &&
      h("li", {}, `trial ${row.n}: ${row.broken}`))),
    scenario.not_tried !== "" && h("p", { class: "note" }, scenario.not_tried),
    beside.length > 0 && h("details", {}, h("summary", {}, `${beside.length} properties do not apply here`),
      h("ul", {}, ...beside.map((p) => h("li", {}, p.name, p.reason !== "" && `: ${p.reason}`)))));
}

function verdictOf(scenario: Scenario): string {
  const has = (outcome: string) => scenario.trials.some((row) => row.out === outcome);
  if (scenario.properties.some((property) => property.fail > 0)) return "fail";
  if (has("broken")) return "broken";
  return scenario.silent.length > 0 || scenario.properties.some((property) => property.unknown > 0 || (property.required && property.pass === 0))
    ? "unknown" : "pass";
}

function gateOfScenario(gate: Gate, scenario: string): HTMLElement {
  const own = gate.findings.filter((one) => one.scenario === scenario).map((one) => WORST.indexOf(one.standing));
  return h("td", {}, own.length > 0 ? standing(WORST[Math.min(...own)]) : "not asked");
}

// A row a scenario, where there are several.
function scenarioTable({ scenarios, gate }: Campaign): HTMLElement {
  const heads = ["Scenario", "Verdict", ...(gate === undefined ? [] : ["Gate"]), "Trials", "What failed"];
  return h("div", { class: "scroll" }, h("table", { class: "scenarios" },
    h("thead", {}, h("tr", {}, ...heads.map((name) => h("th", { scope: "col" }, name)))),
    h("tbody", {}, ...scenarios.map((scenario, i) => h("tr", {},
      h("th", { scope: "row" }, h("a", { href: `#scenario-${i + 1}` }, scenario.scenario)), h("td", {}, chip(verdictOf(scenario))),
      gate !== undefined && gateOfScenario(gate, scenario.scenario),
      h("td", {}, scenario.trials.length.toLocaleString("en")),
      h("td", {}, scenario.findings.map((finding) => `${finding.property} in ${finding.trials.length}`).join(", ")))))));
}

export function overview(data: Campaign): { title: string; element: HTMLElement } {
  const verdict = data.gate !== undefined ? STANDING[data.gate.standing] ?? "unknown"
    : data.exit_code === 0 ? "pass" : data.exit_code === 1 && !data.interrupted ? "fail" : "unknown";
  const again = `lastcall run ${data.scenarios.map((one) => one.scenario).join(" ")} --seed ${data.seed}`;
  return {
    title: data.decision.replace(/:$/, ""),
    element: h("div", {},
      h("section", { class: `decision ${verdict}`, "aria-label": "Verdict" },
        h("h1", {}, data.decision.replace(/:$/, "")), h("p", {}, data.why.charAt(0).toUpperCase() + data.why.slice(1)),
        h("p", { class: "note" }, `${data.started_utc}, ${duration(data.duration_ns / 1e3)}, lastcall ${data.lastcall_version}, exit code ${data.exit_code}`)),
      data.gate !== undefined && gateSection(data.gate),
      data.scenarios.length > 1 && scenarioTable(data),
      ...data.scenarios.map((scenario, i) => scenarioSection(scenario, i + 1, data)),
      h("section", {}, h("h3", {}, "The same trials again"), h("p", { class: "line" }, h("code", {}, again), " ", copyButton(again)))),
  };
}
