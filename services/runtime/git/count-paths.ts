/** Counts paths that each end in a NUL byte, as they come, and notices when there are too many or too long ones. */

export interface PathCount {
  /** Takes the next bytes; false once nothing more is wanted. */
  read: (chunk: Uint8Array) => boolean
  count: () => number
  isTooMany: () => boolean
  isTooLong: () => boolean
}

export function countPaths({
  maxPaths,
  maxPathBytes,
}: {
  maxPaths: number
  maxPathBytes: number
}): PathCount {
  let paths = 0
  let length = 0
  let isTooLong = false
  const isTooMany = () => paths > maxPaths
  const read = (chunk: Uint8Array) => {
    for (let from = 0; from < chunk.byteLength && !isTooLong && !isTooMany(); ) {
      const end = chunk.indexOf(0, from)
      length += (end === -1 ? chunk.byteLength : end) - from
      isTooLong = length > maxPathBytes
      if (end === -1) break
      paths += 1
      length = 0
      from = end + 1
    }
    return !isTooLong && !isTooMany()
  }
  return { read, count: () => paths, isTooMany, isTooLong: () => isTooLong }
}
