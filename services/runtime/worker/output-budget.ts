/**
 * How much of what an agent says a run keeps. When that is used up one event says so, and of what follows only
 * the ends of tools are kept that have a stored beginning; how the run itself ends is never counted.
 */
import { newEvent, type StorableEvent, storableEvent } from '../events/append.ts'

export interface OutputLimits {
  maxBytes: number
  maxEvents: number
}

export class OutputBudget {
  /** Events that were not kept. */
  dropped = 0
  private bytes = 0
  private events = 0
  private hasSaidSo = false
  private readonly openTools = new Set<unknown>()

  constructor(private readonly limits: OutputLimits) {}

  /** From now on nothing but the ends of tools is kept. */
  get isUsedUp(): boolean {
    return this.hasSaidSo
  }

  /** What to store in the place of `event`. */
  admit(event: StorableEvent): StorableEvent[] {
    if (!isOutput(event)) return [event]
    const places = this.placesOf(event)
    const { maxBytes, maxEvents } = this.limits
    const fits = this.bytes + event.bytes <= maxBytes && this.events + places <= maxEvents
    if (fits && !this.hasSaidSo) {
      this.bytes += event.bytes
      this.events += places
      this.noteTool(event)
      return [event]
    }
    const notice = this.hasSaidSo ? [] : [this.notice()]
    this.hasSaidSo = true
    return [...notice, ...this.dropAllButEnds(event)]
  }

  /** The event without what makes it large where the end of a tool must not be missing, else nothing. */
  dropAllButEnds(event: StorableEvent): StorableEvent[] {
    this.dropped += 1
    const { tool_call_id, success, duration_ms, step_number } = event.payload
    if (event.eventType !== 'tool_finished' || !this.openTools.delete(tool_call_id)) return []
    const payload = { tool_call_id, success, duration_ms, step_number, truncated: true }
    return [{ ...event, message: null, payload, bytes: JSON.stringify(payload).length }]
  }

  /** To be stored before the run's end; null when everything was kept. */
  closingNote(): StorableEvent | null {
    if (this.dropped === 0) return null
    const what = this.dropped === 1 ? '1 event' : `${this.dropped.toLocaleString('en')} events`
    return warning(`Not kept of the agent's output: ${what}`, { dropped_events: this.dropped })
  }

  private notice(): StorableEvent {
    const mebibytes = Math.round((this.limits.maxBytes / 1024 / 1024) * 10) / 10
    const most = `${mebibytes} MiB or ${this.limits.maxEvents.toLocaleString('en')} events`
    return warning(`A run keeps ${most} of output at most; the rest of this one is not kept`, {
      truncated: true,
    })
  }

  /** A tool that begins takes the place of its end too, which is never left out. */
  private placesOf({ eventType, payload }: StorableEvent): number {
    if (eventType === 'tool_started') return 2
    return eventType === 'tool_finished' && this.openTools.has(payload.tool_call_id) ? 0 : 1
  }

  private noteTool({ eventType, payload }: StorableEvent): void {
    if (eventType === 'tool_started') this.openTools.add(payload.tool_call_id)
    if (eventType === 'tool_finished') this.openTools.delete(payload.tool_call_id)
  }
}

/** What an agent can cause as often as it likes; the other events are ours, and few. */
function isOutput({ eventType, payload: { stage } }: StorableEvent): boolean {
  if (eventType === 'log') return stage === 'assistant' || stage === 'output'
  return eventType === 'tool_started' || eventType === 'tool_finished'
}

function warning(message: string, facts: Record<string, unknown>): StorableEvent {
  const payload = { stage: 'output', level: 'warning', text: message, ...facts }
  return storableEvent(newEvent('log', { message, payload }))
}
