/** The header fields of one HTTP message. */

const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/** What is enough to look a field up. */
export type HeadersToRead = Pick<HeaderFields, 'get'>

/**
 * Header fields in the order they came, names in lower case. A value is a string of bytes (one character
 * each), as it stands on the wire.
 */
export class HeaderFields {
  readonly #names: string[] = []
  readonly #values: string[] = []

  /** Adds a field as a parser found it, which has checked both parts. */
  push(name: string, value: string): void {
    this.#names.push(name)
    this.#values.push(value)
  }

  /** The value, of repeated fields all of them in one list; null without one. */
  get(name: string): string | null {
    const first = this.#names.indexOf(name)
    if (first < 0) return null
    if (this.#names.indexOf(name, first + 1) < 0) return this.#values[first] ?? null
    // The only field that is no list, and may be repeated by intermediaries (RFC 9113, 8.2.3).
    return this.getAll(name).join(name === 'cookie' ? '; ' : ', ')
  }

  getAll(name: string): string[] {
    return this.#values.filter((_, index) => this.#names[index] === name)
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
    const at = this.#names.indexOf(name)
    if (at >= 0) this.delete(name)
    this.append(name, value)
  }

  /** Adds one more. Throws for a value that would end its line. */
  append(name: string, value: string): void {
    if (!VALUE.test(value)) throw new TypeError(`not a header value: ${name}`)
    this.push(name, value)
  }

  delete(name: string): void {
    for (let at = this.#names.length - 1; at >= 0; at -= 1) {
      if (this.#names[at] !== name) continue
      this.#names.splice(at, 1)
      this.#values.splice(at, 1)
    }
  }

  /** Keeps the fields for which `isKept` holds. */
  filter(isKept: (name: string) => boolean): HeaderFields {
    const kept = new HeaderFields()
    this.forEach((name, value) => {
      if (isKept(name)) kept.push(name, value)
    })
    return kept
  }

  forEach(visit: (name: string, value: string) => void): void {
    for (let at = 0; at < this.#names.length; at += 1) visit(this.#names[at] ?? '', this.#values[at] ?? '')
  }

  /** The lines of a head, each with its end. */
  toText(): string {
    let text = ''
    for (let at = 0; at < this.#names.length; at += 1) text += `${this.#names[at]}: ${this.#values[at]}\r\n`
    return text
  }
}
