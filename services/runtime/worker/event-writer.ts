/**
 * Stores what a running harness says, in order, in as few transactions as the database is fast: while one
 * batch is being written the next one gathers. Every batch is fenced by the lease.
 *
 * No event can stop the others. A batch that takes the database too long, or that it refuses, is tried again by
 * halves; what is left of it alone is dropped after a few tries, or replaced by a note that it was.
 */
import type { Database } from '@mogplex/kit/database/connect.ts'
import type { Log } from '@mogplex/kit/log.ts'
import { type NewEvent, newEvent, type StorableEvent, storableEvent } from '../events/append.ts'
import type { Claim } from './claim.ts'
import type { Lease } from './lease.ts'
import { OutputBudget, type OutputLimits } from './output-budget.ts'
import { type BatchResult, storeBatch } from './store-batch.ts'

const MAX_BATCH_EVENTS = 500
const MAX_BATCH_BYTES = 1024 * 1024
const MAX_WAITING_EVENTS = 2_000
const MAX_WAITING_BYTES = 4 * 1024 * 1024
const RETRY_MS = 500
/** How often one event may take longer than a statement may. */
const MAX_SLOW_TRIES = 3
/** Work that was told to stop does not wait longer for what is not stored yet. */
const LAST_WRITES_MS = 2_000

export interface EventWriterOptions {
  database: Database
  log: Log
  claim: Claim
  lease: Lease
  secrets: readonly string[]
  limits: OutputLimits
  /** Called after each stored batch: wakes the streams. */
  onStored: () => void
}

export class EventWriter {
  private readonly budget: OutputBudget
  private readonly waiting: StorableEvent[] = []
  private waitingBytes = 0
  private batchLimit = MAX_BATCH_EVENTS
  private slowTries = 0
  private readonly replaced = new WeakSet<StorableEvent>()
  private writing: Promise<void> | null = null
  private failure: { cause: unknown } | null = null
  /** Somebody waits for room. */
  private room: PromiseWithResolvers<void> | null = null
  private readonly stop = Promise.withResolvers<void>()
  private isStopping = false
  private isClosed = false

  constructor(private readonly options: EventWriterOptions) {
    this.budget = new OutputBudget(options.limits)
    const { signal } = options.lease
    signal.addEventListener('abort', () => this.stopWaiting(), { once: true })
    if (signal.aborted) this.stopWaiting()
  }

  /** The run keeps no more of what the agent says; {@link drop} it without looking at it. */
  get isOutputUsedUp(): boolean {
    return this.budget.isUsedUp
  }

  drop(): void {
    this.budget.dropped += 1
  }

  /**
   * Resolves at once while there is room; otherwise once there is, which holds the harness back. Rejects once
   * something could not be stored although the database was there.
   */
  async add(events: readonly NewEvent[]): Promise<void> {
    this.assertWorking()
    for (const event of events) {
      for (const admitted of this.budget.admit(storableEvent(event, this.options.secrets))) this.put(admitted)
    }
    this.write()
    while (this.isFull() && this.writing && !this.isStopping) {
      this.room ??= Promise.withResolvers()
      await this.room.promise
    }
  }

  /** From now on nobody waits for room: what finds none is dropped. For work that must end. */
  stopWaiting(): void {
    this.isStopping = true
    this.stop.resolve()
    this.giveRoom()
  }

  /**
   * Resolves when everything added so far is stored, or can no longer be because the lease is lost. Work that was
   * told to stop loses after a moment what is not stored by then.
   */
  async flush(): Promise<void> {
    const tooLate = this.stop.promise.then(async () => {
      await Bun.sleep(LAST_WRITES_MS)
      return 'too late' as const
    })
    while (this.writing) {
      if ((await Promise.race([this.writing, tooLate])) !== 'too late') continue
      this.isClosed = true
      this.budget.dropped += this.waiting.length
      this.remove(this.waiting.length)
      return
    }
    this.assertWorking()
  }

  /** Says how much was not kept; null when everything was. */
  closingNote(): StorableEvent | null {
    return this.budget.closingNote()
  }

  private assertWorking(): void {
    if (this.failure) throw new Error('events cannot be stored', this.failure)
  }

  private isFull(): boolean {
    return this.waiting.length > MAX_WAITING_EVENTS || this.waitingBytes > MAX_WAITING_BYTES
  }

  private put(event: StorableEvent): void {
    if (this.isClosed) {
      this.drop()
      return
    }
    const kept = this.isStopping && this.isFull() ? this.budget.dropAllButEnds(event) : [event]
    for (const each of kept) {
      this.waiting.push(each)
      this.waitingBytes += each.bytes
    }
  }

  private remove(count: number): void {
    for (const { bytes } of this.waiting.splice(0, count)) this.waitingBytes -= bytes
    if (!this.isFull()) this.giveRoom()
  }

  private giveRoom(): void {
    this.room?.resolve()
    this.room = null
  }

  private write(): void {
    if (this.writing || this.failure || this.isClosed || this.waiting.length === 0) return
    this.writing = this.drain().finally(() => {
      this.writing = null
      this.giveRoom()
      // What was added between the last look and this moment found a writer that had already finished.
      this.write()
    })
  }

  private async drain(): Promise<void> {
    const { lease } = this.options
    while (this.waiting.length > 0 && !this.failure && !this.isClosed) {
      if (lease.stopReason() === 'lease-lost') return this.remove(this.waiting.length)
      const batch = this.nextBatch()
      const result = await storeBatch(batch, this.options)
      if (!this.isClosed) await this.take(result, batch)
    }
  }

  private nextBatch(): StorableEvent[] {
    let bytes = 0
    const most = this.waiting.slice(0, this.batchLimit)
    const end = most.findIndex(event => {
      bytes += event.bytes
      return bytes > MAX_BATCH_BYTES
    })
    return end === -1 ? most : most.slice(0, Math.max(1, end))
  }

  private async take(result: BatchResult, batch: StorableEvent[]): Promise<void> {
    const { log, claim, lease, onStored } = this.options
    if (result.kind === 'lease-lost') return lease.abort('lease-lost')
    if (result.kind === 'stored') {
      this.remove(batch.length)
      this.batchLimit = Math.min(MAX_BATCH_EVENTS, this.batchLimit * 2)
      this.slowTries = 0
      return onStored()
    }
    const { kind, err } = result
    log.warn({ event: 'events.not-stored-yet', runId: claim.run.id, count: batch.length, kind, err })
    // A database that restarts costs no event.
    if (kind === 'away') return Bun.sleep(RETRY_MS)
    const [first] = batch
    if (batch.length > 1 || !first) this.batchLimit = Math.ceil(batch.length / 2)
    else if (kind === 'slow') this.dropSlow()
    else this.replace(first, err)
  }

  private dropSlow(): void {
    this.slowTries += 1
    if (this.slowTries < MAX_SLOW_TRIES) return
    this.remove(1)
    this.drop()
  }

  /** Puts a note in the place of an event that Postgres does not take. */
  private replace(event: StorableEvent, cause: unknown): void {
    if (this.replaced.has(event)) {
      this.failure = { cause }
      return
    }
    const { eventType, payload } = event
    const { stage = 'output', tool_call_id, success } = payload
    const message = 'This event could not be stored'
    const facts = eventType === 'log' ? { stage, level: 'warning' } : { tool_call_id, success }
    const note = newEvent(eventType, {
      message,
      toolName: event.toolName,
      payload: { ...facts, truncated: true },
    })
    const storable = storableEvent(note)
    this.replaced.add(storable)
    this.waitingBytes += storable.bytes - event.bytes
    this.waiting[0] = storable
  }
}
