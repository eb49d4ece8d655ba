/** What the demo says, calm and alike everywhere. */

export interface Printer {
  /** Begins the next step of the tour. */
  step: (title: string) => void
  /** A line as a person would type it. */
  typed: (line: string) => void
  /** The essential part of what came of it. */
  answer: (text: string) => void
  /** Anything else. */
  say: (text: string) => void
}

/** Numbers the steps itself. */
export function createPrinter(
  write: (text: string) => void = text => void process.stdout.write(text),
): Printer {
  let steps = 0
  return {
    step: title => {
      steps += 1
      write(`\n${steps}. ${title}\n\n`)
    },
    typed: line => write(`    $ ${line}\n`),
    answer: text => write(`${text.replace(/^(?=.)/gm, '      ')}\n`),
    say: text => write(`${text}\n`),
  }
}
