/**
 * Reads `git diff --raw -z --no-abbrev` as it comes: how many files differ, and which of them are references to other
 * repositories. Keeps neither the paths nor more than a bounded part of anything.
 */

export interface ChangesRead {
  /** Takes the next bytes; false once nothing more is wanted. */
  read: (chunk: Uint8Array) => boolean
  count: () => number
  /** Paths that are now a reference to a commit of another repository; the first hundred. */
  gitlinks: () => string[]
  isTooMany: () => boolean
  isTooLong: () => boolean
}

const GITLINK = /^:\d{6} 160000 /
/** Renamed and copied files come with the old path before the new one. */
const WITH_TWO_PATHS = /[RC]\d*$/
const MAX_GITLINKS = 100
/** Of a line of modes, ids and status. */
const MAX_FACTS_BYTES = 200

export function readChanges({
  maxPaths,
  maxPathBytes,
}: {
  maxPaths: number
  maxPathBytes: number
}): ChangesRead {
  const gitlinks: string[] = []
  let paths = 0
  let isTooLong = false
  let length = 0
  let kept: Buffer[] = []
  /** Of the file whose paths come next; '' while its line of facts is read. */
  let facts = ''
  let pathsToCome = 0

  const isTooMany = () => paths > maxPaths
  const take = (part: Uint8Array) => {
    length += part.byteLength
    isTooLong = length > (facts === '' ? MAX_FACTS_BYTES : maxPathBytes)
    if (!isTooLong && (facts === '' || GITLINK.test(facts))) kept.push(Buffer.from(part))
  }
  const end = () => {
    const text = Buffer.concat(kept).toString('utf8')
    if (facts === '') {
      facts = text
      pathsToCome = WITH_TWO_PATHS.test(text) ? 2 : 1
    } else {
      pathsToCome -= 1
      if (pathsToCome === 0) {
        paths += 1
        if (GITLINK.test(facts) && gitlinks.length < MAX_GITLINKS) gitlinks.push(text)
        facts = ''
      }
    }
    kept = []
    length = 0
  }
  const read = (chunk: Uint8Array) => {
    for (let from = 0; from < chunk.byteLength && !isTooLong && !isTooMany(); ) {
      const found = chunk.indexOf(0, from)
      take(chunk.subarray(from, found === -1 ? chunk.byteLength : found))
      if (found === -1) break
      if (!isTooLong) end()
      from = found + 1
    }
    return !isTooLong && !isTooMany()
  }
  return { read, count: () => paths, gitlinks: () => gitlinks, isTooMany, isTooLong: () => isTooLong }
}
