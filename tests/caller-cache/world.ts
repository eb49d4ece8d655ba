/**
 * Gateways, identity and the network between them as one deterministic machine for the interleaving test:
 * the real state machines of both sides, a database and a network that exist only as data. Every message and
 * every statement waits in `pending` until the test delivers or loses it; clocks run at rates of their own.
 */
import { createKeptAnswers, type KeptAnswers } from '../../gateway/callers/cache/answers.ts'
import { createLease, type Lease } from '../../gateway/callers/cache/lease.ts'
import { isRunning, type LeaseRow, renewed } from '../../services/identity/gateway-leases/lease.ts'
import { tellHolder } from '../../services/identity/gateway-leases/tell-holder.ts'

export interface Gateway {
  id: string
  lease: Lease
  answers: KeptAnswers<string>
  /** ms of its own clock for each true ms. */
  rate: number
  isAlive: boolean
}

interface Pending {
  deliver: () => void
  lose: () => void
}

export interface Clocks {
  gatewayRates: readonly number[]
  databaseRate: number
}

/** Which user each credential belongs to. */
export const OWNERS: Readonly<Record<string, string>> = { c0: 'u0', c1: 'u0', c2: 'u1' }
const USABLE_FOR_MS = 60_000

export interface World {
  /** True time, ms. */
  time: number
  databaseRate: number
  gateways: Gateway[]
  /** What is under way: messages, and statements at the database. */
  pending: Pending[]
  /** The table of leases, and the rows that a transaction holds. */
  rows: Map<string, LeaseRow>
  locked: Set<string>
  /** Credentials and users that have ended, and those whose end was answered. */
  ended: Set<string>
  answered: Set<string>
  violations: string[]
  seen: { hits: number; revocations: number; ids: number }
}

export function createWorld({ gatewayRates, databaseRate }: Clocks): World {
  const world: World = {
    ...{ time: 0, databaseRate, gateways: [], pending: [], rows: new Map(), locked: new Set() },
    ...{ ended: new Set(), answered: new Set(), violations: [] },
    seen: { hits: 0, revocations: 0, ids: 0 },
  }
  world.gateways = gatewayRates.map(rate => newGateway(world, rate))
  return world
}

function newId({ seen }: World, kind: string): string {
  seen.ids += 1
  return `${kind}-${seen.ids}`
}

function newGateway(world: World, rate: number): Gateway {
  const lease = createLease()
  return { id: newId(world, 'gateway'), lease, answers: createKeptAnswers(lease, 100), rate, isAlive: true }
}

/** A process ends and another one starts; what was under way to the old one comes to nothing. */
export function restart(world: World, index: number): void {
  const old = gatewayAt(world, index)
  old.isAlive = false
  world.gateways[index] = newGateway(world, old.rate)
}

export function gatewayAt({ gateways }: World, index: number): Gateway {
  const gateway = gateways[index]
  if (!gateway) throw new Error(`no gateway ${index}`)
  return gateway
}

function clockOf({ time }: World, { rate }: Gateway): number {
  return time * rate
}

function databaseNow({ time, databaseRate }: World): number {
  return 1_000_000 + time * databaseRate
}

function isAmong(set: Set<string>, credential: string): boolean {
  return set.has(credential) || set.has(OWNERS[credential] ?? '')
}

/** A question that may be lost on its way there, and its reply on the way back. */
function ask<Reply>(
  { pending }: World,
  question: { compute: () => Reply; onReply: (reply: Reply) => void; onLoss: () => void },
): void {
  const { compute, onReply, onLoss } = question
  const deliver = () => {
    const reply = compute()
    pending.push({ deliver: () => onReply(reply), lose: onLoss })
  }
  pending.push({ deliver, lose: onLoss })
}

/** Something that happens late, but is never lost. */
function later({ pending }: World, step: () => void): void {
  pending.push({ deliver: step, lose: step })
}

/** A statement that waits for a row which another transaction holds. */
function whenUnlocked(world: World, gatewayId: string, statement: () => void): void {
  const attempt = () => {
    if (world.locked.has(gatewayId)) later(world, attempt)
    else statement()
  }
  later(world, attempt)
}

export function renew(world: World, gateway: Gateway): void {
  const sentAt = clockOf(world, gateway)
  const onGranted = (term: string) => {
    if (gateway.isAlive) gateway.lease.granted({ sentAt, term }, clockOf(world, gateway))
  }
  const arrive = () => {
    // Read before the row is locked, as the database may do.
    const now = databaseNow(world)
    whenUnlocked(world, gateway.id, () => {
      const next = renewed(world.rows.get(gateway.id) ?? null, newId(world, 'term'), now)
      if (!next) return
      world.locked.add(gateway.id)
      later(world, () => {
        world.locked.delete(gateway.id)
        world.rows.set(gateway.id, next)
        world.pending.push({ deliver: () => onGranted(next.term), lose: () => undefined })
      })
    })
  }
  world.pending.push({ deliver: arrive, lose: () => undefined })
}

export function request(world: World, gateway: Gateway, credential: string): void {
  const { answers } = gateway
  const wasAnswered = isAmong(world.answered, credential)
  const accept = (how: string) => {
    if (wasAnswered) world.violations.push(`${credential} accepted by ${gateway.id}: ${how}`)
  }
  if (answers.find(credential, clockOf(world, gateway)) !== null) {
    world.seen.hits += 1
    accept('kept')
    return
  }
  const lookup = answers.begin(credential, clockOf(world, gateway))
  const kept = { answer: credential, ids: [credential, OWNERS[credential] ?? ''], usableForMs: USABLE_FOR_MS }
  ask(world, {
    compute: () => !isAmong(world.ended, credential),
    onReply: isValid => {
      if (isValid) {
        accept('asked')
        answers.fill(lookup, kept, clockOf(world, gateway))
      }
      answers.end(lookup)
    },
    onLoss: () => answers.end(lookup),
  })
}

/** `id` is a credential's or a user's. Ends at once; is answered when the protocol says so. */
export function revoke(world: World, id: string): void {
  world.ended.add(id)
  later(world, () => {
    const holders = [...world.rows].filter(([, row]) => isRunning(row, databaseNow(world)))
    const told = holders.map(([gatewayId, { term }]) =>
      tellHolder({
        tell: () => tell(world, gatewayId, id),
        refuseRenewal: () => refuseRenewal(world, gatewayId, term),
        pause: () => Promise.resolve(),
      }),
    )
    void Promise.all(told).then(() => {
      world.answered.add(id)
      world.seen.revocations += 1
    })
  })
}

function tell(world: World, gatewayId: string, id: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const holder = world.gateways.find(gateway => gateway.id === gatewayId)
  if (!holder) later(world, () => resolve(false))
  else {
    ask(world, {
      compute: () => holder.answers.drop([id]),
      onReply: () => resolve(true),
      onLoss: () => resolve(false),
    })
  }
  return promise
}

function refuseRenewal(world: World, gatewayId: string, term: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  whenUnlocked(world, gatewayId, () => {
    const row = world.rows.get(gatewayId)
    const isHeld = row !== undefined && row.term === term && isRunning(row, databaseNow(world))
    if (isHeld) world.rows.set(gatewayId, { ...row, isRenewable: false })
    resolve(isHeld)
  })
  return promise
}
