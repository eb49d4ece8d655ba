/** What any CLI that prints JSON lines has in common (runtime spec 3.2, last rows). */
import type { HarnessEvent } from './harness.ts'
import { type JsonObject, parseObject } from './json-fields.ts'

/** A JSON object goes to `event`; any other line is kept as output, a blank one dropped. */
export function eventsOfLine(text: string, event: (line: JsonObject) => HarnessEvent[]): HarnessEvent[] {
  const object = parseObject(text)
  if (object) return event(object)
  return text.trim() === '' ? [] : [{ kind: 'output', text }]
}
