// Making elements. What a target, a peer or a file name says reaches the page through here, as text only.

type Child = Node | string | number | null | undefined | false;
type Props = Record<string, string | number | boolean | ((event: Event) => void) | undefined>;

function give(element: Element, props: Props): void {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
}

export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag, props: Props = {}, ...children: Child[]): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  give(element, props);
  for (const child of children)
    if (child !== null && child !== undefined && child !== false)
      element.append(typeof child === "number" ? String(child) : child);
  return element;
}

export function svg(tag: string, props: Props = {}, ...children: Child[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  give(element, props);
  for (const child of children)
    if (child !== null && child !== undefined && child !== false) element.append(String(child) === child ? child : child as Node);
  return element;
}

export function counted(count: number, noun: string): string {
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}

// "1.24 s", "812 ms", "47 µs"
export function duration(microseconds: number): string {
  const size = Math.abs(microseconds);
  if (size >= 1e6) return `${(microseconds / 1e6).toPrecision(size >= 1e9 ? 4 : 3)} s`;
  if (size >= 1e3) return `${(microseconds / 1e3).toPrecision(3)} ms`;
  return `${Math.round(microseconds)} µs`;
}

export function chip(word: string): HTMLElement {
  return h("span", { class: `chip ${word}` }, word);
}

// A button that copies, also where a page from the disk may not use the clipboard's own interface.
export function copyButton(text: string): HTMLElement {
  const button = h("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const field = h("textarea", { class: "offscreen", "aria-hidden": "true" });
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      button.focus();
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  return button;
}
