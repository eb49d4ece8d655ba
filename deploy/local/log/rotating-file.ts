/** A log file that never grows beyond a size: `name.log`, then `name.log.1` … are the older ones. */
import {
  closeSync,
  existsSync,
  fchmodSync,
  fstatSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'

export interface RotatingFile {
  write: (bytes: Uint8Array) => void
  close: () => void
}

const MAX_BYTES = 10 * 1024 ** 2
const KEPT = 3

/** Appends to `file`, mode 0600. */
export function openRotatingFile(
  file: string,
  { maxBytes = MAX_BYTES, kept = KEPT }: { maxBytes?: number; kept?: number } = {},
): RotatingFile {
  let descriptor = openPrivate(file)
  let size = fstatSync(descriptor).size

  const rotate = () => {
    closeSync(descriptor)
    rmSync(`${file}.${kept}`, { force: true })
    for (let age = kept - 1; age >= 1; age -= 1)
      if (existsSync(`${file}.${age}`)) renameSync(`${file}.${age}`, `${file}.${age + 1}`)
    renameSync(file, `${file}.1`)
    descriptor = openPrivate(file)
    size = 0
  }

  return {
    write: bytes => {
      if (size > 0 && size + bytes.length > maxBytes) rotate()
      writeSync(descriptor, bytes)
      size += bytes.length
    },
    close: () => closeSync(descriptor),
  }
}

function openPrivate(file: string): number {
  const descriptor = openSync(file, 'a', 0o600)
  fchmodSync(descriptor, 0o600)
  return descriptor
}
