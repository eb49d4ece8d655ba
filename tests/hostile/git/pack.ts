/** Writes packs by hand, also such as no git would write. */
import { createHash } from 'node:crypto'
import { deflateSync } from 'node:zlib'

const TYPES = { commit: 1, tree: 2, blob: 3 } as const
const OFS_DELTA = 6
const FAST = { level: 1 }

export type ObjectType = keyof typeof TYPES

export interface TreeEntry {
  mode: '40000' | '100644'
  name: string
  id: string
}

export class Pack {
  readonly #parts: Buffer[] = []
  #offset = 12
  count = 0

  /** Gives the object's id. */
  add(type: ObjectType, body: Buffer): string {
    this.#push(Buffer.concat([header(TYPES[type], body.byteLength), deflateSync(body, FAST)]))
    return createHash('sha1').update(`${type} ${body.byteLength}\0`).update(body).digest('hex')
  }

  tree(entries: TreeEntry[]): string {
    const parts = entries.map(({ mode, name, id }) => [
      Buffer.from(`${mode} ${name}\0`),
      Buffer.from(id, 'hex'),
    ])
    return this.add('tree', Buffer.concat(parts.flat()))
  }

  commit(tree: string, parent: string, message = 'x'): string {
    const who = 'Agent <agent@example.test> 1700000000 +0000'
    const text = `tree ${tree}\nparent ${parent}\nauthor ${who}\ncommitter ${who}\n\n${message}\n`
    return this.add('commit', Buffer.from(text))
  }

  /** An object that is twice the one before it, `levels` times over. */
  doubling(firstBytes: number, levels: number): void {
    let at = this.#offset
    this.add('blob', Buffer.alloc(firstBytes))
    for (let size = firstBytes, level = 0; level < levels; size *= 2, level += 1) {
      const delta = Buffer.concat([varint(size), varint(size * 2), copies(size), copies(size)])
      const start = this.#offset
      this.#push(
        Buffer.concat([header(OFS_DELTA, delta.byteLength), backwards(start - at), deflateSync(delta, FAST)]),
      )
      at = start
    }
  }

  /** An object whose header says another size than it has. */
  lying(claimed: number, body: Buffer): void {
    this.#push(Buffer.concat([header(TYPES.blob, claimed), deflateSync(body, FAST)]))
  }

  bytes(claimedCount = this.count): Buffer {
    const start = Buffer.alloc(12)
    start.write('PACK')
    start.writeUInt32BE(2, 4)
    start.writeUInt32BE(claimedCount, 8)
    const whole = Buffer.concat([start, ...this.#parts])
    return Buffer.concat([whole, createHash('sha1').update(whole).digest()])
  }

  #push(part: Buffer): void {
    this.#parts.push(part)
    this.#offset += part.byteLength
    this.count += 1
  }
}

/** Of an object in a pack: its type and the size it has when it is unpacked. */
export function header(type: number, size: number): Buffer {
  const bytes = [(type << 4) | (size % 16)]
  for (let left = Math.floor(size / 16); left > 0; left = Math.floor(left / 128)) {
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) | 0x80
    bytes.push(left % 128)
  }
  return Buffer.from(bytes)
}

function varint(size: number): Buffer {
  const bytes: number[] = []
  for (let left = size; ; left = Math.floor(left / 128)) {
    if (left < 128) return Buffer.from([...bytes, left])
    bytes.push((left % 128) | 0x80)
  }
}

/** How far back the base is, as git writes it. */
function backwards(distance: number): Buffer {
  const bytes = [distance % 128]
  for (let left = Math.floor(distance / 128); left > 0; left = Math.floor(left / 128)) {
    left -= 1
    bytes.unshift((left % 128) | 0x80)
  }
  return Buffer.from(bytes)
}

/** Instructions that copy the first `size` bytes of the base; one copies less than 16 MiB. */
function copies(size: number): Buffer {
  const parts: Buffer[] = []
  for (let from = 0; from < size; from += 0x800000) {
    const bytes = Math.min(0x800000, size - from)
    const part = Buffer.alloc(8)
    part[0] = 0xff
    part.writeUInt32LE(from, 1)
    part.writeUIntLE(bytes, 5, 3)
    parts.push(part)
  }
  return Buffer.concat(parts)
}
