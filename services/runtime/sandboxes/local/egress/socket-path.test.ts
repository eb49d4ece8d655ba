import { dlopen, ptr } from 'bun:ffi'
import { expect, test } from 'bun:test'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { publicDestination } from './destination.ts'
import { openEgressProxy } from './egress-proxy.ts'

/** Connects, and asks the kernel who is at the other end. */
function peerName(path: string): string {
  const { symbols } = dlopen('libc.so.6', {
    socket: { args: ['int', 'int', 'int'], returns: 'int' },
    connect: { args: ['int', 'ptr', 'u32'], returns: 'int' },
    getpeername: { args: ['int', 'ptr', 'ptr'], returns: 'int' },
    close: { args: ['int'], returns: 'int' },
  })
  const fd = symbols.socket(1, 1, 0)
  const address = Buffer.concat([Buffer.from([1, 0]), Buffer.from(`${path}\0`)])
  expect(symbols.connect(fd, ptr(address), address.length)).toBe(0)
  const name = Buffer.alloc(128)
  expect(symbols.getpeername(fd, ptr(name), ptr(new Uint32Array([name.length])))).toBe(0)
  symbols.close(fd)
  return name.toString('utf8', 2, name.indexOf(0, 2))
}

test('whoever connects to the way out does not learn where on the host its socket lies', async () => {
  // Short: a path too long for an address would have been bound by another anyway.
  const directory = mkdtempSync('/tmp/way-')
  const socketPath = join(directory, 'out.sock')
  const proxy = await openEgressProxy({ socketPath, rule: publicDestination, onRefusal: () => undefined })
  expect(peerName(socketPath)).toMatch(/^\/proc\/self\/fd\/\d+\/out\.sock$/)
  proxy.close()
  expect(existsSync(socketPath)).toBe(false)
  rmSync(directory, { recursive: true })
})
