/** A client of a run's live stream that comes back after every break, as a browser does. */
import { type Account, type Credential, send } from './accounts.ts'
import type { System } from './launch.ts'
import type { RunEvent } from './runs.ts'

export interface Following {
  /** As they came, whatever that is. */
  events: RunEvent[]
  /** How often it had to come back, or chose to. */
  breaks: number
}

export interface FollowOptions {
  /** How many bytes to read before the connection is cut; null reads on. Asked at each connection. */
  cutAfterBytes?: () => number | null
  onEvent?: (event: RunEvent, soFar: number) => void
  limitMs?: number
}

const LAST = ['finished', 'failed', 'cancelled']
const RETRY_MS = 50

/** Resolves when a connection ended behind the run's last event; throws when that takes longer. */
export async function followRun(
  system: Pick<System, 'baseUrl'>,
  { token }: Pick<Account, 'token'>,
  runId: string,
  { cutAfterBytes = () => null, onEvent, limitMs = 60_000 }: FollowOptions = {},
): Promise<Following> {
  const following: Following = { events: [], breaks: 0 }
  const deadline = performance.now() + limitMs
  while (performance.now() < deadline) {
    const lastId = following.events.at(-1)?.id
    const headers = { ...(lastId ? { 'last-event-id': lastId } : {}) }
    const response = await openStream(system, { token }, runId, { headers }).catch(() => null)
    if (response?.status === 200) {
      const isWhole = await readStream(response, cutAfterBytes(), event => {
        following.events.push(event)
        onEvent?.(event, following.events.length)
      })
      if (isWhole && LAST.includes(following.events.at(-1)?.type ?? '')) return following
      following.breaks += 1
    } else if (response && response.status !== 503) {
      throw new Error(`the stream was refused: ${response.status} ${await response.text()}`)
    } else {
      await Bun.sleep(RETRY_MS)
    }
  }
  throw new Error(`no end of run ${runId} after ${following.events.length} events`)
}

/** One connection; `query` with its question mark. */
export function openStream(
  system: Pick<System, 'baseUrl'>,
  as: Credential,
  runId: string,
  { headers = {}, query = '' }: { headers?: Record<string, string>; query?: string } = {},
): Promise<Response> {
  return send(system, 'GET', `/api/v1/mogplex/runs/${runId}/events${query}`, {
    as,
    headers: { accept: 'text/event-stream', ...headers },
  })
}

/** Reads to the end, or until so many bytes came. True when the other side ended it in order. */
export async function readStream(
  response: Response,
  maxBytes: number | null,
  onEvent: (event: RunEvent) => void,
): Promise<boolean> {
  if (!response.body) throw new Error('the stream has no body')
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  let left = maxBytes ?? Infinity
  try {
    while (left > 0) {
      const { done, value } = await reader.read()
      if (done) return text === ''
      // The cut falls wherever it falls, in the middle of an event or of a character.
      const chunk = value.subarray(0, left)
      left -= chunk.length
      text += decoder.decode(chunk, { stream: true })
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) if (!block.startsWith(':')) onEvent(eventOf(block))
    }
    await reader.cancel()
    return false
  } catch {
    // Reset: the other side is gone.
    return false
  }
}

function eventOf(block: string): RunEvent {
  const [, id, data] = /^id: (\S+)\ndata: (.+)$/.exec(block) ?? []
  if (!id || !data) throw new Error(`not an event: ${block}`)
  const event: RunEvent = JSON.parse(data)
  if (event.id !== id) throw new Error(`id ${id} before the data of ${event.id}`)
  return event
}
