/** Identifiers of rows and messages. */

/** A fresh UUID (version 7: sorted by creation, which keeps index pages warm). */
export function newId(): string {
  return Bun.randomUUIDv7()
}

/** Lower-case hex SHA-256 of a text: how credentials are stored and looked up. */
export function sha256Hex(text: string): string {
  return Bun.CryptoHasher.hash('sha256', text, 'hex')
}
