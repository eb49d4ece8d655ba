import { expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../test-bench/ended-at-exit.ts'
import { isListenedOn, removeStaleSocket } from './listen-address.ts'
import { fetchFrom, parseServiceAddress, socketAddress } from './service-address.ts'

setDefaultTimeout(120_000)

const newPath = () => join(temporaryDirectory('socket'), 'a.sock')
const serve = (path: string, text: string) => Bun.serve({ unix: path, fetch: () => new Response(text) })

/** A socket whose server was killed. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `Bun.serve({ unix: ${JSON.stringify(path)}, fetch: () => new Response() }); console.log('up')`
  const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'pipe' })
  await child.stdout.getReader().read()
  child.kill('SIGKILL')
  await child.exited
}

test('what a killed server left does not stop the next one', async () => {
  const path = newPath()
  await leaveStaleSocket(path)
  expect([existsSync(path), await isListenedOn(path)]).toEqual([true, false])
  await removeStaleSocket(path)
  const server = serve(path, 'next')
  expect(await (await fetchFrom(socketAddress(path), '/')).text()).toBe('next')
  await server.stop(true)
})

test('a socket that somebody listens on is theirs: the second one fails', async () => {
  const path = newPath()
  const server = serve(path, 'first')
  await removeStaleSocket(path)
  expect(() => serve(path, 'second')).toThrow(/EADDRINUSE/)
  expect(await (await fetchFrom(socketAddress(path), '/')).text()).toBe('first')
  await server.stop(true)
})

test('whatever else lies there is no socket of ours to remove', async () => {
  const [path, victim] = [newPath(), newPath()]
  writeFileSync(victim, 'kept')
  symlinkSync(victim, path)
  await removeStaleSocket(path)
  await removeStaleSocket(victim)
  expect([existsSync(path), existsSync(victim)]).toEqual([true, true])
})

test.each([
  ['http://127.0.0.1:8080/', 'http://127.0.0.1:8080', null],
  ['https://identity.internal', 'https://identity.internal', null],
  ['unix:/run/with spaces/identity.sock', 'http://localhost', '/run/with spaces/identity.sock'],
])('%s is understood', (text, origin, socket) => {
  expect(parseServiceAddress(text)).toEqual({ origin, socket })
})
