/** What the person at the terminal reads: few, short lines. The whole truth is in the log files. */

export interface Terminal {
  /** A line of the launcher. */
  say: (text: string) => void
  /** A line about one program. */
  about: (program: string, text: string) => void
}

const NAME_WIDTH = 9

export function createTerminal(write: (text: string) => void, now: () => Date = () => new Date()): Terminal {
  return {
    say: text => write(`${text}\n`),
    about: (program, text) => {
      const time = now().toTimeString().slice(0, 8)
      write(`${time}  ${program.padEnd(NAME_WIDTH)} ${text}\n`)
    },
  }
}

/** Writes to stdout; a terminal that was closed meanwhile is no reason to stop. */
export function standardTerminal(): Terminal {
  process.stdout.on('error', () => undefined)
  return createTerminal(text => process.stdout.write(text))
}
