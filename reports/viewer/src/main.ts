// Which view the page shows: it stands in the address behind "#", so that a link to a view can be shared.
//   #            the verdict and a row a property          #scenario-2   the same, from the second scenario on
//   #campaign-1  all trials of the first scenario
//   #trial-3     one trial; ?from=…&to=…&event=…&find=…    (microseconds since its first event)
import "./style.css";
import { campaignView } from "./campaign";
import { campaign, hasStory, trial } from "./data";
import { h } from "./dom";
import { overview } from "./overview";
import { trialView } from "./trial_view";

const data = campaign();
const root = document.getElementById("page") as HTMLElement;
const main = h("main", { id: "main", tabindex: "-1" });
let undo: () => void = () => {};

function themeButton(): HTMLElement {
  const dark = () => (document.documentElement.dataset.theme ??
    (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const button = h("button", { type: "button", class: "theme" });
  const say = () => {
    button.textContent = dark() ? "Light" : "Dark";
    button.setAttribute("aria-label", `Use ${dark() ? "light" : "dark"} colours`);
  };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    say();
    dispatchEvent(new Event("themechange"));
  });
  say();
  return button;
}

const links: [string, HTMLAnchorElement][] = [["#", h("a", { href: "#" }, "Overview")]];
data.scenarios.forEach((scenario, i) => {
  const name = data.scenarios.length === 1 ? "Campaign" : `Campaign: ${scenario.scenario.split("/").slice(-2).join("/")}`;
  links.push([`#campaign-${i + 1}`, h("a", { href: `#campaign-${i + 1}` }, name)]);
});
for (const number of data.scenarios.flatMap((scenario) => scenario.trials.map((row) => row.n)).filter(hasStory))
  links.push([`#trial-${number}`, h("a", { href: `#trial-${number}` }, `Trial ${number}`)]);

function viewOf(path: string, query: URLSearchParams): { title: string; element: HTMLElement; undo?: () => void } {
  const place = /^#(campaign|trial)-(\d+)$/.exec(path);
  const number = Number(place?.[2]);
  if (place?.[1] === "campaign" && data.scenarios[number - 1] !== undefined)
    return campaignView(data, data.scenarios[number - 1]);
  const told = place?.[1] === "trial" ? trial(number) : null;
  if (told !== null) return trialView(data, told, query);
  return overview(data);
}

let shown = "";
function show(): void {
  const [path, query] = (location.hash || "#").split("?");
  undo();
  const view = viewOf(path, new URLSearchParams(query ?? ""));
  undo = view.undo ?? (() => {});
  document.title = `${view.title} – lastcall`;
  for (const [target, link] of links)
    if (target === path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  main.replaceChildren(view.element);
  if (shown !== "" && shown !== path) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  if (path.startsWith("#scenario-")) document.getElementById(path.slice(1))?.scrollIntoView();
  shown = path;
}

root.append(
  h("a", { class: "skip", href: "#main", click: (event) => { event.preventDefault(); main.focus(); } }, "Skip to the report"),
  h("header", {}, h("strong", {}, "lastcall"), h("nav", { "aria-label": "Views" }, ...links.map(([, link]) => link)),
    themeButton()),
  main,
  h("footer", {}, `lastcall ${data.lastcall_version}, campaign of ${data.started_utc || "a time that is not known"}, seed ${data.seed}`));
addEventListener("hashchange", show);
show();
document.documentElement.dataset.ready = "true";
