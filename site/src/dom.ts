/** Finds and makes elements; a page whose HTML lacks what its script needs fails at once. */

type Kind<T extends Element> = { new (): T; readonly name: string };

export function find<T extends Element>(selector: string, kind: Kind<T>, within: ParentNode = document): T {
  const found = within.querySelector(selector);
  if (found instanceof kind) return found;
  throw new Error(`this page has no ${kind.name} at ${selector}`);
}

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
