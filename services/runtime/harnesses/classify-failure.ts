/** Names why a CLI ended badly (runtime spec 3.3), alike for all harnesses. */
import type { FailureCode, HarnessFailure, HarnessParser } from './harness.ts'
import { objectAt, parseObject, textAt } from './json-fields.ts'

const MAX_MESSAGE_LENGTH = 300

const RATE_LIMITED =
  /\b429\b|rate.?limit|too many requests|insufficient_quota|usage limit|\b529\b|overloaded/i
const ACCESS_DENIED =
  /\b40[13]\b|unauthori[sz]ed|authentication_error|permission_error|(?:invalid|incorrect|missing).{0,20}api.?key|model_not_found|model.{0,80}(?:does not exist|not found|not supported|no access|don't have access)|access to.{0,40}model/i

export interface EndedProcess {
  stdoutTail: string
  stderrTail: string
  exitCode: number | null
}

/**
 * `parser` must be a fresh one: what the CLI reported as errors on stdout is told apart from what the agent
 * merely talked about, so that a command that prints "429" does not look like a rate limit.
 */
export function classifyEnd(name: string, ended: EndedProcess, parser: HarnessParser): HarnessFailure {
  const reported = reportedErrors(ended.stdoutTail, parser)
  // What the CLI reports as its own error is surer than its log, in which tools' failures show up too.
  const code = firstMatch([reported.join('\n'), ended.stderrTail])
  const detail = reported.at(-1) ?? lastLine(ended.stderrTail)
  return { code, message: describe(name, code, ended.exitCode, detail) }
}

function firstMatch(texts: string[]): FailureCode {
  for (const text of texts) {
    if (RATE_LIMITED.test(text)) return 'rate_limited'
    if (ACCESS_DENIED.test(text)) return 'model_access_denied'
  }
  return 'command_failed'
}

function describe(name: string, code: FailureCode, exitCode: number | null, detail: string): string {
  const cause = detail ? `: ${detail}` : ''
  if (code === 'rate_limited') return shorten(`The model provider limits the rate of requests${cause}`)
  if (code === 'model_access_denied') return shorten(`The model provider refused access${cause}`)
  const how = exitCode === null ? 'was ended by a signal' : `ended with exit code ${exitCode}`
  return shorten(`${name} ${how}${cause}`)
}

function reportedErrors(stdoutTail: string, parser: HarnessParser): string[] {
  return stdoutTail
    .split('\n')
    .flatMap(line => parser.line(line))
    .flatMap(event => (event.kind === 'error' ? [plainMessage(event.message)] : []))
    .filter(message => message !== '')
}

/** Providers' errors come as JSON within the text; what a person wants is the message inside. */
function plainMessage(text: string): string {
  const start = text.indexOf('{')
  const body = start === -1 ? null : parseObject(text.slice(start, text.lastIndexOf('}') + 1))
  const inner = textAt(objectAt(body, 'error'), 'message') ?? textAt(body, 'message')
  if (inner === null) return oneLine(text)
  return oneLine(`${text.slice(0, start)}${inner}`)
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.trim() ?? ''
}

function oneLine(text: string): string {
  return text
    .replace(/, url: \S+/, '')
    .replace(/\s+/g, ' ')
    .trim()
}

function shorten(text: string): string {
  return text.length > MAX_MESSAGE_LENGTH ? `${text.slice(0, MAX_MESSAGE_LENGTH - 1)}…` : text
}
