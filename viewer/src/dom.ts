// Elements without markup: every text becomes a text node, so no name of a class or a file can be read as HTML.

type Child = Node | string | null;
type Attributes = Record<string, string | number | boolean | null | ((event: Event) => void)>;

/** An element with attributes and children. A function is the listener of the event that its key names. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Child | Child[])[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.flat().filter((child) => child !== null));
  return element;
}

/** Shows other children in an element. */
export function fill(element: Element, ...children: (Child | Child[])[]): void {
  element.replaceChildren(...children.flat().filter((child) => child !== null));
}

/** A sign beside a text that says the same. */
export function icon(text: string): HTMLElement {
  return h("span", { "aria-hidden": "true", class: "icon" }, text);
}

/** A drawing of lines, 16 by 16, beside a text that says the same. */
export function drawing(path: string): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "drawing");
  svg.setAttribute("aria-hidden", "true");
  const lines = document.createElementNS(svg.namespaceURI, "path");
  lines.setAttribute("d", path);
  svg.append(lines);
  return svg;
}

/** Offers bytes as a file. */
export function download(name: string, parts: BlobPart[], type: string): void {
  const url = URL.createObjectURL(new Blob(parts, { type }));
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** The function, called once after calls have stopped for so many milliseconds. */
export function settled(wait: number, then: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(then, wait);
  };
}
