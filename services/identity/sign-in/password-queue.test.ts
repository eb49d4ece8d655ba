import { expect, test } from 'bun:test'
import { createPasswordQueue, type Lane } from './password-queue.ts'

/** A queue of one place, which is taken until `letGo`; `done` tells whose work was done, in order. */
function occupied(maxWaiting = 100) {
  const queue = createPasswordQueue({ concurrency: 1, maxWaiting })
  const { promise: held, resolve: letGo } = Promise.withResolvers<void>()
  const first = queue.run({ lane: 'known', address: null }, () => held)
  const done: string[] = []
  const refused: string[] = []
  const waiting: Promise<unknown>[] = []
  const add = (lane: Lane, address: string, name = `${lane} ${address}`) => {
    const work = async () => void done.push(name)
    waiting.push(
      queue.run({ lane, address }, work).catch(error => void refused.push(`${name} ${error.status}`)),
    )
  }
  const finish = async () => {
    letGo()
    await Promise.all([first, ...waiting])
    return { done, refused }
  }
  return { add, finish }
}

test('addresses take turns, however many one of them has sent', async () => {
  const { add, finish } = occupied()
  for (let n = 1; n <= 3; n += 1) add('sign-in', 'a', `a${n}`)
  add('sign-in', 'b', 'b1')
  add('sign-in', 'c', 'c1')
  expect((await finish()).done).toEqual(['a1', 'b1', 'c1', 'a2', 'a3'])
})

test('somebody who is known is soon served, and nobody waits for ever', async () => {
  const { add, finish } = occupied()
  for (let n = 0; n < 20; n += 1) add('sign-up', `up${n}`)
  for (let n = 0; n < 20; n += 1) add('sign-in', `in${n}`)
  for (let n = 0; n < 20; n += 1) add('known', `known${n}`)
  const { done } = await finish()
  const first = done.slice(0, 16).map(name => name.split(' ')[0])
  const count = (lane: Lane) => first.filter(each => each === lane).length
  expect([count('known'), count('sign-in'), count('sign-up')]).toEqual([8, 4, 4])
  expect(done).toHaveLength(60)
})

test('when it is full, the crowd of one address gives way; among equals the newcomer is refused', async () => {
  const { add, finish } = occupied(3)
  for (let n = 1; n <= 4; n += 1) add('sign-in', 'a', `a${n}`)
  add('sign-in', 'b', 'b1')
  add('sign-in', 'c', 'c1')
  add('sign-in', 'd', 'd1')
  // Another lane has places of its own.
  add('sign-up', 'e', 'e1')
  const { done, refused } = await finish()
  expect(refused.toSorted()).toEqual(['a2 503', 'a3 503', 'a4 503', 'd1 503'])
  expect(done.toSorted()).toEqual(['a1', 'b1', 'c1', 'e1'])
})

test('no more run at once than may, also when some fail', async () => {
  const queue = createPasswordQueue({ concurrency: 2, maxWaiting: 100 })
  let [running, most] = [0, 0]
  const work = async () => {
    running += 1
    most = Math.max(most, running)
    await Bun.sleep(1)
    running -= 1
    if (Math.random() < 0.5) throw new Error('no')
  }
  const all = Array.from({ length: 50 }, (_, n) => queue.run({ lane: 'sign-in', address: `${n}` }, work))
  await Promise.allSettled(all)
  expect([most, running]).toEqual([2, 0])
  expect(await queue.run({ lane: 'sign-up', address: null }, async () => 'free')).toBe('free')
})
