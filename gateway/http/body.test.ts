import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { BodyFeed, type BodySource, collectBody, collectShortBody } from './body.ts'

/** A feed whose producer notes whether it was told to wait. */
function feedOf() {
  const producer = { isPaused: false, isCancelled: false }
  const feed = new BodyFeed({
    pause: () => {
      producer.isPaused = true
    },
    resume: () => {
      producer.isPaused = false
    },
    cancel: () => {
      producer.isCancelled = true
    },
  })
  return { feed, producer }
}

const steps = fc.array(fc.constantFrom('push', 'pipe', 'pause', 'resume', 'end'), { maxLength: 30 })

test('in whatever order things happen, all bytes come once, in order, before the end', () => {
  fc.assert(
    fc.property(steps, all => {
      const { feed } = feedOf()
      const got: (number | 'end')[] = []
      let [pushed, isPiped, hasEnded] = [0, false, false]
      const sink = {
        write: (part: Uint8Array) => void got.push(...part),
        end: () => void got.push('end'),
        fail: () => void got.push(-2),
      }
      for (const step of [...all, 'end', 'pipe', 'resume'] as const) {
        if (step === 'push' && !hasEnded) feed.push(Uint8Array.of(pushed++))
        if (step === 'pipe' && !isPiped) feed.pipe(sink)
        if (step === 'end' && !hasEnded) feed.end()
        if (step === 'pause') feed.pause()
        if (step === 'resume') feed.resume()
        isPiped ||= step === 'pipe'
        hasEnded ||= step === 'end'
      }
      expect(got).toEqual([...Array(pushed).keys(), 'end'])
    }),
    { numRuns: 2_000 },
  )
})

test('a body nobody takes yet makes its connection wait, and goes on when somebody does', () => {
  const { feed, producer } = feedOf()
  feed.push(new Uint8Array(65_536))
  expect(producer.isPaused).toBe(false)
  feed.push(new Uint8Array(1))
  expect(producer.isPaused).toBe(true)
  feed.pipe({ write: () => undefined, end: () => undefined, fail: () => undefined })
  expect(producer.isPaused).toBe(false)
})

test('a body that is read to its end does not hold up its connection, however slow its taker is', () => {
  const { feed, producer } = feedOf()
  feed.push(new Uint8Array(10))
  feed.end()
  feed.pause()
  feed.cancel()
  expect(producer).toEqual({ isPaused: false, isCancelled: false })
})

test('who cancels gets nothing more, and the producer is told', () => {
  const { feed, producer } = feedOf()
  const got: string[] = []
  feed.pipe({
    write: () => void got.push('part'),
    end: () => void got.push('end'),
    fail: () => void got.push('fail'),
  })
  feed.cancel()
  feed.push(new Uint8Array(1))
  feed.end()
  expect([got, producer.isCancelled]).toEqual([[], true])
})

test('collecting rejects a body that is too large or breaks off', async () => {
  const large = feedOf()
  const collected = collectBody(large.feed, 3, () => new Error('too large'))
  large.feed.push(new Uint8Array(4))
  await expect(collected).rejects.toThrow('too large')
  expect(large.producer.isCancelled).toBe(true)
  const broken = feedOf()
  const partly = collectBody(broken.feed, 3, () => new Error('too large'))
  broken.feed.push(new Uint8Array(1))
  broken.feed.fail(new Error('broke off'))
  await expect(partly).rejects.toThrow('broke off')
})

test('a body is collected as far as it is short; a longer one keeps its beginning', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 8 }), async sizes => {
      const { feed } = feedOf()
      const begun = collectShortBody(feed, 50)
      for (const [index, size] of sizes.entries()) feed.push(new Uint8Array(size).fill(index))
      feed.end()
      const body: Uint8Array | BodySource = await begun
      const total = sizes.reduce((sum, size) => sum + size, 0)
      expect(body instanceof Uint8Array).toBe(total <= 50)
      const bytes = body instanceof Uint8Array ? body : await collectBody(body, 1_000, () => new Error('x'))
      expect([...bytes]).toEqual(sizes.flatMap((size, index) => Array<number>(size).fill(index)))
    }),
  )
})
