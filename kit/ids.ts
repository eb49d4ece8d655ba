/** Identifiers of rows and messages. */

/** A fresh UUID (version 7: sorted by creation, which keeps index pages warm). */
export function newId(): string {
  return Bun.randomUUIDv7()
}

/** The smallest id that {@link newId} can give at `date`; whatever it gave before sorts below it. */
export function firstIdAt(date: Date): string {
  const milliseconds = date.getTime().toString(16).padStart(12, '0')
  return `${milliseconds.slice(0, 8)}-${milliseconds.slice(8)}-0000-0000-000000000000`
}

/** Lower-case hex SHA-256 of a text: how credentials are stored and looked up. */
export function sha256Hex(text: string): string {
  return Bun.CryptoHasher.hash('sha256', text, 'hex')
}
