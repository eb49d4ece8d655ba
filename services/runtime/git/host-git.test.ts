import { afterAll, beforeAll, expect, test } from 'bun:test'
import { runHostGit } from './host-git.ts'
import { type Bench, createBench } from './test-bench.ts'

let bench: Bench
beforeAll(async () => {
  bench = await createBench()
})
afterAll(() => bench.remove())

async function* zeros(chunks: number) {
  for (let sent = 0; sent < chunks; sent += 1) yield new Uint8Array(1_048_576)
}

test('git that ends before it has read all it is given is a result like any other, and nothing else', async () => {
  const gitDirectory = await bench.createRemote('given')
  const { signal } = new AbortController()
  const run = (...args: string[]) =>
    runHostGit({ host: bench.host, gitDirectory, args, stdin: zeros(8), signal })
  for (let round = 0; round < 20; round += 1) {
    const results = await Promise.all([run('unpack-objects'), run('version'), run('rev-parse', '--git-dir')])
    expect(results.map(({ exitCode, exceeded }) => [exitCode !== 0, exceeded !== null])).toEqual([
      [true, false],
      [false, false],
      [false, false],
    ])
  }
})
