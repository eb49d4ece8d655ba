/**
 * Writes classic BPF programs, the language of seccomp filters (seccomp(2), linux/filter.h): a list of
 * 8-byte instructions on one accumulator, with jumps forward by at most 255. Pure.
 */

/** Offsets in `struct seccomp_data`, which is what a filter sees of a system call. */
export const NUMBER_OFFSET = 0
export const ARCHITECTURE_OFFSET = 4

/**
 * The lower half of an argument, on little-endian machines. Every argument that we look at is an int, or
 * flags whose upper half the kernel ignores or refuses.
 */
export const argumentOffset = (index: number): number => 16 + 8 * index

/** BPF_LD | BPF_W | BPF_ABS; BPF_JMP | … | BPF_K; BPF_RET | BPF_K. */
export const OPCODE = { load: 0x20, ifEqual: 0x15, ifAbove: 0x25, ifAtLeast: 0x35, ifAnyBit: 0x45, end: 0x06 }

/** Where an instruction goes on: a label further down, or the next instruction. */
type Target = string | null

export type Line = { opcode: number; value: number; yes: Target; no: Target } | { label: string }

/** Puts the 32 bits at the offset of `seccomp_data` into the accumulator. */
export const load = (offset: number): Line => ({ opcode: OPCODE.load, value: offset, yes: null, no: null })

/** Ends the filter with what is to be done about the call. */
export const end = (action: number): Line => ({ opcode: OPCODE.end, value: action, yes: null, no: null })

/** Compares the accumulator; `null` goes on with the next instruction. */
export const branch = (
  how: 'ifEqual' | 'ifAbove' | 'ifAtLeast' | 'ifAnyBit',
  value: number,
  yes: Target,
  no: Target,
): Line => ({ opcode: OPCODE[how], value, yes, no })

/** Throws on a label that is missing, behind, or too far away. */
export function assemble(lines: Line[]): Uint8Array<ArrayBuffer> {
  const places = new Map<string, number>()
  let count = 0
  for (const line of lines) {
    if ('label' in line) places.set(line.label, count)
    else count += 1
  }
  const bytes = new Uint8Array(count * 8)
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const line of lines) {
    if ('label' in line) continue
    view.setUint16(at * 8, line.opcode, true)
    view.setUint8(at * 8 + 2, distance(places, line.yes, at))
    view.setUint8(at * 8 + 3, distance(places, line.no, at))
    view.setUint32(at * 8 + 4, line.value, true)
    at += 1
  }
  return bytes
}

function distance(places: Map<string, number>, target: Target, at: number): number {
  if (target === null) return 0
  const place = places.get(target)
  if (place === undefined || place <= at || place - at - 1 > 255) throw new Error(`cannot jump to ${target}`)
  return place - at - 1
}
