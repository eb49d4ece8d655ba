import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { atExit, temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { createUpstreamPool, type UpstreamPool } from './pool.ts'

setDefaultTimeout(120_000)

const newSocket = () => join(temporaryDirectory('pool'), 'service.sock')
const poolAt = (socket: string): UpstreamPool =>
  createUpstreamPool({
    url: `unix:${socket}`,
    relayed: headers => headers,
    reportBug: error => {
      throw error
    },
  })
const ask = (pool: UpstreamPool): Promise<string> =>
  new Promise(resolve => {
    pool.ask(
      { method: 'GET', target: '/', fields: 'x-last: ', lastValue: 'x', body: null },
      {
        onAnswer: ({ status }) => resolve(String(status)),
        onBroken: error => resolve('code' in error ? String(error.code) : String(error)),
      },
    )
  })

test('a service that is busy for a moment turns nobody away, however many come', async () => {
  const socket = newSocket()
  const script = `
    Bun.serve({ unix: ${JSON.stringify(socket)}, fetch: () => new Response('x') })
    console.log('up')`
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' })
  atExit(() => child.kill('SIGKILL'))
  await child.stdout.getReader().read()
  const pool = poolAt(socket)
  child.kill('SIGSTOP')
  // More than the kernel keeps waiting for one that does not take them: on a socket it refuses the rest.
  const asking = Promise.all(Array.from({ length: 900 }, () => ask(pool)))
  await Bun.sleep(300)
  child.kill('SIGCONT')
  const answers = Object.groupBy(await asking, text => text)
  expect(Object.entries(answers).map(([text, all]) => [text, all?.length])).toEqual([['200', 900]])
  pool.close()
  child.kill('SIGKILL')
  await child.exited
  expect(await ask(poolAt(socket))).toBe('ECONNREFUSED')
})

test('without a socket there is nothing to wait for', async () => {
  expect(await ask(poolAt(newSocket()))).toBe('ENOENT')
})
