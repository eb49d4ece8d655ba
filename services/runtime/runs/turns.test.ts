import { expect, test } from 'bun:test'
import { Turns } from './turns.ts'

test('of one key one at a time, in order, also after a failure; of two keys both', async () => {
  const turns = new Turns()
  const seen: string[] = []
  let [atOnce, most] = [0, 0]
  const work = (name: string) => async () => {
    atOnce += 1
    most = Math.max(most, atOnce)
    await Bun.sleep(1)
    atOnce -= 1
    seen.push(name)
    if (name === 'b') throw new Error('b fails')
    return name
  }
  const all = await Promise.allSettled(['a', 'b', 'c', 'd'].map(name => turns.take('one', work(name))))
  expect(seen).toEqual(['a', 'b', 'c', 'd'])
  expect(most).toBe(1)
  expect(all.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])

  const other = Promise.withResolvers<string>()
  const held = turns.take('one', () => other.promise)
  expect(await turns.take('two', work('e'))).toBe('e')
  expect(turns.size).toBe(1)
  other.resolve('f')
  expect(await held).toBe('f')
  expect(turns.size).toBe(0)
})
