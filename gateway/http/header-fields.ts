/** The header fields of one HTTP message. */

const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const SPACE = 0x20
const TAB = 0x09

/** What is enough to look a field up. */
export type HeadersToRead = Pick<HeaderFields, 'get'>

/**
 * Header fields in the order they came. Names are in lower case; a value is a string of bytes (one character
 * each), as it stands on the wire. Whole lines are kept, since most of them only pass through.
 */
export class HeaderFields {
  readonly #names: string[]
  readonly #lines: string[]
  #text: string | null = null

  constructor(names: string[] = [], lines: string[] = []) {
    this.#names = names
    this.#lines = lines
  }

  /** Adds a line, with its end, that a parser has checked. `name` is what stands before its colon, in lower case. */
  pushLine(name: string, line: string): void {
    this.#names.push(name)
    this.#lines.push(line)
    this.#text = null
  }

  /** The value, of repeated fields all of them in one list; null without one. */
  get(name: string): string | null {
    const first = this.#names.indexOf(name)
    if (first < 0) return null
    if (this.#names.indexOf(name, first + 1) < 0) return valueIn(this.#lines[first] ?? '')
    // The only field that is no list, and may be repeated by intermediaries (RFC 9113, 8.2.3).
    return this.getAll(name).join(name === 'cookie' ? '; ' : ', ')
  }

  getAll(name: string): string[] {
    return this.#lines.filter((_, index) => this.#names[index] === name).map(valueIn)
  }

  count(name: string): number {
    let count = 0
    for (let at = this.#names.indexOf(name); at >= 0; at = this.#names.indexOf(name, at + 1)) count += 1
    return count
  }

  has(name: string): boolean {
    return this.#names.includes(name)
  }

  /** Puts the value in place of all there are. Throws for one that would end its line. */
  set(name: string, value: string): void {
    this.delete(name)
    this.append(name, value)
  }

  /** Adds one more whose value is known to be harmless: numbers, tokens, texts of ours. */
  add(name: string, value: string | number): void {
    this.pushLine(name, `${name}: ${value}\r\n`)
  }

  /** Adds one more. Throws for a value that would end its line. */
  append(name: string, value: string): void {
    if (!VALUE.test(value)) throw new TypeError(`not a header value: ${name}`)
    this.add(name, value)
  }

  delete(name: string): void {
    this.#text = null
    for (let at = this.#names.indexOf(name); at >= 0; at = this.#names.indexOf(name, at)) {
      this.#names.splice(at, 1)
      this.#lines.splice(at, 1)
    }
  }

  copy(): HeaderFields {
    return new HeaderFields(this.#names.slice(), this.#lines.slice())
  }

  /** Keeps the fields for which `isKept` holds. */
  filter(isKept: (name: string) => boolean): HeaderFields {
    const kept = new HeaderFields()
    for (let at = 0; at < this.#names.length; at += 1) {
      const name = this.#names[at] ?? ''
      if (isKept(name)) kept.pushLine(name, this.#lines[at] ?? '')
    }
    return kept
  }

  /** The lines of a head, each with its end. */
  toText(): string {
    this.#text ??= this.#lines.join('')
    return this.#text
  }
}

/** What stands between the colon and the end of the line, without the space around it. */
function valueIn(line: string): string {
  let start = line.indexOf(':') + 1
  let end = line.length - 2
  while (start < end && isSpace(line.charCodeAt(start))) start += 1
  while (end > start && isSpace(line.charCodeAt(end - 1))) end -= 1
  return line.slice(start, end)
}

function isSpace(code: number): boolean {
  return code === SPACE || code === TAB
}
