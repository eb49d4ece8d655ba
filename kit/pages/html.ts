/** HTML put together from parts, of which everything that is not HTML already is escaped. */

/** Markup that was written by us. */
export class Html {
  constructor(readonly text: string) {}
}

/** What may stand in a template; null, undefined and false leave nothing behind. */
export type HtmlValue = Html | string | number | null | undefined | false | readonly HtmlValue[]

/**
 * A piece of markup; values are escaped, also within attributes as long as those are quoted.
 *
 * @example
 * html`<a href="${path}">${name}</a>` // name may hold anything
 */
export function html(parts: TemplateStringsArray, ...values: HtmlValue[]): Html {
  const texts = parts.map((part, index) => part + (index < values.length ? render(values[index]) : ''))
  return new Html(texts.join(''))
}

function render(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return ''
  if (value instanceof Html) return value.text
  return typeof value === 'object' ? value.map(render).join('') : Bun.escapeHTML(value)
}
