import { expect, test } from 'bun:test'
import { holdFreePort, isPortFree } from './free-port.ts'

test('a held port is nobody else’s until it is let go, and answers nobody', async () => {
  const [held, other] = await Promise.all([holdFreePort(), holdFreePort()])
  expect(held.port).not.toBe(other.port)
  expect(await isPortFree(held.port)).toBe(false)
  await expect(fetch(`http://127.0.0.1:${held.port}`)).rejects.toThrow()
  await held.release()
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: held.port,
    reusePort: false,
    fetch: () => new Response('mine'),
  })
  expect(await (await fetch(`http://127.0.0.1:${held.port}`)).text()).toBe('mine')
  await server.stop(true)
  await Promise.all([held.release(), other.release()])
})
