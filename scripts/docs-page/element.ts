/** How everything on the page is made: elements and text, never a string of HTML. */

export type Child = Node | string | undefined

export function el(name: string, attributes: Record<string, string> = {}, ...children: Child[]): HTMLElement {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
  element.append(...children.filter((child) => child !== undefined))
  return element
}

/** Text with `code` in it; never HTML. */
export function prose(text: string): DocumentFragment {
  const fragment = document.createDocumentFragment()
  text.split('`').forEach((part, at) => fragment.append(at % 2 === 1 ? el('code', {}, part) : part))
  return fragment
}

export const json = (value: unknown): string => JSON.stringify(value, null, 2)
export const plain = (value: unknown): string => (typeof value === 'string' ? value : json(value))
export const methodBadge = (method: string): HTMLElement =>
  el('span', { class: `badge ${method}` }, method.toUpperCase())
