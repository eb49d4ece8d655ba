/** Whether sandboxes can be started, as identity asks for each page that is opened. */
import { expect, test } from 'bun:test'
import { rememberedCheck } from './answers.ts'

test('of all who ask within half a minute one has the host checked; later it is checked anew', async () => {
  let [nowMs, checks, works] = [1_000, 0, true]
  const canStart = rememberedCheck(
    async () => {
      checks += 1
      await Bun.sleep(1)
      if (!works) throw new Error('the host refuses namespaces')
    },
    () => nowMs,
  )
  expect(await Promise.all(Array.from({ length: 50 }, canStart))).toEqual(Array(50).fill(true))
  works = false
  nowMs += 29_999
  expect([await canStart(), checks]).toEqual([true, 1])
  nowMs += 1
  expect([await canStart(), await canStart(), checks]).toEqual([false, false, 2])
  works = true
  nowMs += 30_000
  expect([await canStart(), checks]).toEqual([true, 3])
})
