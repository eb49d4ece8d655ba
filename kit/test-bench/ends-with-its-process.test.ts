import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { identifyProcess } from '../processes/identity.ts'
import { waitUntil } from '../processes/wait-until.ts'
import { temporaryDirectory } from './ended-at-exit.ts'

setDefaultTimeout(120_000)

/** Not the machine's: there any other test process that starts just now tidies up as well. */
const temporary = temporaryDirectory('ending')

/** Starts both servers in a process of its own, which tells their pids and directories, then does `ending`. */
async function serversOfAProcessThat(ending: string): Promise<{ pids: number[]; directory: string }> {
  const file = join(temporary, 'process.ts')
  await Bun.write(
    file,
    `import { readFileSync } from 'node:fs'
     import { temporaryDirectory } from '${join(import.meta.dir, 'ended-at-exit.ts')}'
     import { usePostgres } from '${join(import.meta.dir, 'postgres.ts')}'
     import { useNats } from '${join(import.meta.dir, 'nats.ts')}'
     await usePostgres()
     await useNats()
     const pids = readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8').trim().split(' ').map(Number)
     console.log(JSON.stringify({ pids, directory: temporaryDirectory('any') }))
     ${ending}`,
  )
  // A server that was given to this run would not be started by the process.
  const env = { ...process.env, TEST_DATABASE_URL: '', TMPDIR: temporary }
  const child = Bun.spawn([process.execPath, file], { env, stdout: 'pipe', stderr: 'ignore' })
  const text = await new Response(child.stdout).text()
  await child.exited
  return JSON.parse(text)
}

const areGone = (pids: number[]) =>
  waitUntil(() => pids.every(pid => !identifyProcess(pid)), { limitMs: 25_000 })

const onLinux = test.skipIf(process.platform !== 'linux')

onLinux('a test process that fails takes its servers and files with it', async () => {
  const { pids, directory } = await serversOfAProcessThat(`throw new Error('failed')`)
  expect(pids.length).toBeGreaterThanOrEqual(2)
  expect(await areGone(pids)).toBe(true)
  expect(existsSync(directory)).toBe(false)
})

onLinux('no server outlives a test process that is killed; the next one removes its files', async () => {
  const { pids, directory } = await serversOfAProcessThat(`process.kill(process.pid, 'SIGKILL')`)
  expect(pids.length).toBeGreaterThanOrEqual(2)
  expect(await areGone(pids)).toBe(true)
  expect(existsSync(directory)).toBe(true)
  await serversOfAProcessThat('process.exit(0)')
  expect(existsSync(directory)).toBe(false)
})
