import { Transform } from 'node:stream'

/** Passes so many bytes; with the next one the stream ends in an error, after `onExceeded` was told. */
export function limitBytes(max: number, onExceeded: () => void): Transform {
  let seen = 0
  return new Transform({
    transform(chunk: Buffer, _, done) {
      seen += chunk.length
      if (seen <= max) return done(null, chunk)
      onExceeded()
      done(new Error(`more than ${max} bytes`))
    },
  })
}
