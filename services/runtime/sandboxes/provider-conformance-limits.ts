/** Conformance of sandbox providers: what takes too much is ended, says of what, and harms nobody else. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type SandboxLimit, type SandboxProvider, staysExceeded } from './provider.ts'
import type { MakeProvider, ProviderUnderTest } from './provider-conformance.ts'

/** As small as a shell can do with. */
export const SMALL_LIMITS = {
  memoryBytes: 128 * 1024 ** 2,
  processes: 40,
  diskBytes: 32 * 1024 ** 2,
  inodes: 500,
}

const TOO_MUCH: Record<SandboxLimit, string> = {
  memory: 'head -c 300M /dev/zero | tail -n 1; sleep 30',
  processes: 'for i in {1..60}; do sleep 30 & done; wait',
  disk: 'head -c 20M /dev/zero >a; head -c 20M /dev/zero >~/b; sleep 30',
  inodes: 'touch {1..300} ~/{1..300}; sleep 30',
}

export function describeLimits(makeProvider: MakeProvider): void {
  describe('limits', () => {
    let underTest: ProviderUnderTest
    let provider: SandboxProvider
    beforeAll(async () => {
      underTest = await makeProvider(SMALL_LIMITS)
      provider = underTest.provider
    })
    afterAll(() => underTest?.dispose())

    for (const [name, script] of Object.entries(TOO_MUCH)) {
      test(`${name}: what takes more is ended, and says so until it is paused`, async () => {
        const [sandboxId, otherId] = await Promise.all([
          provider.create(crypto.randomUUID()),
          provider.create(crypto.randomUUID()),
        ])
        const other = await start(provider, otherId, 'sleep 1; echo well')
        const greedy = await start(provider, sandboxId, script)
        const { exceeded, exitCode } = await greedy.exited
        expect([exitCode, exceeded?.limit as string]).toEqual([null, name])
        expect(provider.exceeded(sandboxId)).toEqual(exceeded ?? null)
        expect(exceeded && staysExceeded(exceeded)).toBe(name === 'disk' || name === 'inodes')
        await provider.pause(sandboxId)
        expect(provider.exceeded(sandboxId)).toBeNull()
        expect(await new Response(other.stdout).text()).toBe('well\n')
        expect(await other.exited).toEqual({ exitCode: 0, signal: null })
        await Promise.all([provider.destroy(sandboxId), provider.destroy(otherId)])
      })
    }

    test('a sandbox tells how much of the disk it takes', async () => {
      const sandboxId = await provider.create(crypto.randomUUID())
      expect(await provider.diskBytes(sandboxId)).toBeLessThan(64 * 1024)
      await (await start(provider, sandboxId, 'head -c 10M /dev/zero >a; ln a b; truncate -s 20M c')).exited
      const bytes = await provider.diskBytes(sandboxId)
      expect(bytes).toBeGreaterThanOrEqual(10 * 1024 ** 2)
      expect(bytes).toBeLessThan(11 * 1024 ** 2)
      await provider.destroy(sandboxId)
      expect(await provider.diskBytes(sandboxId)).toBe(0)
    })
  })
}

async function start(provider: SandboxProvider, sandboxId: string, script: string) {
  const started = await provider.start(sandboxId, { argv: ['bash', '-c', script], network: 'none' })
  void started.stderr.cancel()
  return started
}
