import { expect, test } from 'bun:test'
import { createLog } from '@mogplex/kit/log.ts'
import { within } from './within.ts'

const log = createLog({ process: 'test', level: 'silent' })

test('what is done in time is what it brings, or fails of', async () => {
  expect(await within(Promise.resolve('done'), { late: 'late', log })).toBe('done')
  await expect(within(Promise.reject(new Error('broken')), { late: 'late', log })).rejects.toThrow('broken')
})

test('what takes longer is not waited for, and may fail then', async () => {
  const work = Promise.withResolvers<string>()
  expect(await within(work.promise, { limitMs: 1, late: 'late', log })).toBe('late')
  work.reject(new Error('broken, and nobody waits'))
  await expect(work.promise).rejects.toThrow()
})
