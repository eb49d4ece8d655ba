/** The process itself: how it starts, why it does not, how it ends. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { atExit } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { createTestIssuers } from '@mogplex/kit/test-bench/issuers.ts'
import { reservePort } from '@mogplex/kit/test-bench/ports.ts'
import { GATEWAY_ISSUER } from '@mogplex/proto/services.ts'

const MAIN = join(import.meta.dir, 'main.ts')
/** Nobody is there: the gateway starts all the same and waits for its peers. */
const NOWHERE = {
  NATS_URL: 'nats://127.0.0.1:1',
  IDENTITY_URL: 'http://127.0.0.1:1',
  PROJECTS_URL: 'http://127.0.0.1:1',
  RUNTIME_URL: 'http://127.0.0.1:1',
}

function startMain(environment: Record<string, string>) {
  const child = Bun.spawn([process.execPath, MAIN], {
    env: { PATH: process.env.PATH ?? '', ...environment },
    stdout: 'pipe',
    stderr: 'pipe',
  })
  atExit(() => child.kill('SIGKILL'))
  return child
}

const answers = (url: string) =>
  fetch(url).then(
    response => response.ok,
    () => false,
  )

test('it runs while its peers are away, ignores ctrl-C and ends cleanly on SIGTERM', async () => {
  const port = await reservePort()
  const child = startMain({ ...NOWHERE, PORT: String(port) })
  const health = `http://127.0.0.1:${port}/healthz`
  expect(await waitUntil(() => answers(health), { limitMs: 25_000 })).toBe(true)
  child.kill('SIGINT')
  await Bun.sleep(100)
  expect(await answers(health)).toBe(true)
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
  const log = await new Response(child.stdout).text()
  expect(log).toContain('"event":"http.request"')
  for (const line of log.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('event')
})

test('a missing setting ends the start with one line that names it', async () => {
  const child = startMain({
    ...NOWHERE,
    PORT: '0',
    NODE_ENV: 'production',
    PUBLIC_BASE_URL: 'https://x.test',
  })
  expect(await child.exited).toBe(1)
  expect(await new Response(child.stdout).text()).toContain('GATEWAY_SIGNING_KEY: is required in production')
})

test('in production the secret of test mode opens nothing, and one line says so', async () => {
  const port = await reservePort()
  const key = (await createTestIssuers()).environmentOf(GATEWAY_ISSUER).ASSERTION_SIGNING_KEY ?? ''
  const child = startMain({
    ...NOWHERE,
    PORT: String(port),
    NODE_ENV: 'production',
    PUBLIC_BASE_URL: 'https://x.test',
    GATEWAY_SIGNING_KEY: key,
    E2E_AUTH_SECRET: 'known to a tester',
  })
  const url = `http://127.0.0.1:${port}`
  await waitUntil(() => answers(`${url}/healthz`), { limitMs: 25_000 })
  const headers = { 'x-mogplex-e2e-auth': 'known to a tester', 'x-mogplex-e2e-user-id': 'somebody' }
  expect((await fetch(`${url}/api/repos`, { headers })).status).toBe(401)
  expect((await fetch(`${url}/api/test/anything`, { headers })).status).toBe(404)
  child.kill('SIGTERM')
  await child.exited
  const log = await new Response(child.stdout).text()
  const lines = log.split('\n').filter(line => line.includes('E2E_AUTH_SECRET'))
  expect(lines.map(line => JSON.parse(line).level)).toEqual([50])
  expect(log).not.toContain('known to a tester')
})
