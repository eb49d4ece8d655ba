/** What can happen in the {@link World} of the interleaving test, as fast-check draws it. */
import fc from 'fast-check'
import { gatewayAt, OWNERS, renew, request, restart, revoke, type World } from './world.ts'

export type Act = (world: World) => void

const gateway = fc.nat(2)
const credential = fc.constantFrom(...Object.keys(OWNERS))
const anything = fc.constantFrom(...Object.keys(OWNERS), 'u0')
const both = fc.tuple(gateway, credential)

/** An act that happens `weight` times as often as one of weight 1. */
function often<Value>(weight: number, drawn: fc.Arbitrary<Value>, act: (world: World, value: Value) => void) {
  return {
    weight,
    arbitrary: drawn.map(
      (value): Act =>
        world =>
          act(world, value),
    ),
  }
}

export const act: fc.Arbitrary<Act> = fc.oneof(
  often(6, both, (world, [g, c]) => atOnce(world, () => request(world, gatewayAt(world, g), c))),
  // Identity has read, but its reply is still on the way.
  often(4, both, (world, [g, c]) => atOnce(world, () => request(world, gatewayAt(world, g), c), 1)),
  often(1, both, (world, [g, c]) => request(world, gatewayAt(world, g), c)),
  often(5, gateway, (world, g) => atOnce(world, () => renew(world, gatewayAt(world, g)))),
  often(2, gateway, (world, g) => renew(world, gatewayAt(world, g))),
  often(1, anything, (world, id) => atOnce(world, () => revoke(world, id))),
  often(1, anything, (world, id) => revoke(world, id)),
  often(8, fc.nat(50), (world, index) => take(world, index)?.deliver()),
  often(3, fc.integer({ min: 1, max: 8 }), deliverOldest),
  often(2, fc.nat(50), (world, index) => take(world, index)?.lose()),
  often(4, fc.constantFrom(1, 50, 400, 1_500, 3_000, 5_100, 8_000), (world, ms) => pass(world, ms)),
  often(1, gateway, restart),
)

function pass(world: World, ms: number): void {
  world.time += ms
}

/** Delivers what waits, and what that brings about, oldest first. */
export function deliverOldest({ pending }: World, limit: number): void {
  for (let count = 0; count < limit; count += 1) pending.shift()?.deliver()
}

/**
 * Lets what `begin` brings about go through without delay, and only that: the usual case, which blind chance
 * would rarely meet.
 */
function atOnce(world: World, begin: () => void, limit = 30): void {
  const before = world.pending.length
  begin()
  for (let count = 0; count < limit && world.pending.length > before; count += 1) {
    world.pending.pop()?.deliver()
  }
}

function take({ pending }: World, index: number) {
  return pending.splice(index % Math.max(pending.length, 1), 1)[0]
}
