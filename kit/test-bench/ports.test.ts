import { expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePorts } from '../processes/free-port.ts'
import { reservePort } from './ports.ts'

const [first = 0, second = 0, third = 0] = await findFreePorts(3)
const claimOf = (port: number) => join(tmpdir(), `mogplex-test-port-${port}`)
/** Gives these ports, whoever has them. */
const finding =
  (...ports: number[]) =>
  async () =>
    ports.shift() ?? 0

test('a port that is reserved is not given again, though nothing listens on it', async () => {
  expect(await reservePort(finding(first))).toBe(first)
  expect(await reservePort(finding(first, first, second))).toBe(second)
})

test('what another test process has is left to it, what a killed one had is taken over', async () => {
  const other = Bun.spawn(['sleep', '600'], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  writeFileSync(claimOf(third), String(other.pid))
  await expect(reservePort(async () => third)).rejects.toThrow('no port')
  other.kill('SIGKILL')
  await other.exited
  expect(await reservePort(async () => third)).toBe(third)
})
