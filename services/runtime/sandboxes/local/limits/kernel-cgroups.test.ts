/**
 * What the kernel makes of the limits: only where this process has a part of the tree of cgroup v2. Where the machine
 * has none, `tests/hostile/in-user-mode-linux.sh` runs it in a kernel that does.
 */
import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '@mogplex/kit/log.ts'
import { findOwnCgroup } from '@mogplex/kit/processes/own-cgroup.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import { createLocalSandboxProvider } from '../local.ts'
import { findCgroups } from './cgroup.ts'
import type { SandboxLimits } from './sandbox-limits.ts'

setDefaultTimeout(120_000)

const HELD = join(import.meta.dir, '../held-sandbox.fixture.ts')
const scratch = mkdtempSync(join(tmpdir(), 'kernel-cgroups-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

/** The cgroups of sandboxes that there are now, of whatever runtime. */
function cgroupsNow(): string[] {
  const own = findOwnCgroup()
  return [...new Set([own?.mountPoint, own?.directory])]
    .flatMap(directory => (directory === undefined ? [] : [join(directory, 'mogplex-sandboxes')]))
    .filter(existsSync)
    .flatMap(base => readdirSync(base, { withFileTypes: true }).map(entry => ({ base, entry })))
    .flatMap(({ base, entry }) => (entry.isDirectory() ? [join(base, entry.name)] : []))
}

const makeProvider = (limits: Partial<SandboxLimits>, dataDirectory = mkdtempSync(join(scratch, 'data-'))) =>
  createLocalSandboxProvider({ dataDirectory, log: createLog({ process: 'test', level: 'silent' }), limits })

describe.skipIf(findCgroups(scratch) === null)('with cgroups of the kernel', () => {
  test('everything of a sandbox is in its cgroup, which goes when nothing runs any more', async () => {
    const provider = makeProvider({ memoryBytes: 256 * 1024 ** 2, processes: 100, cpus: 1.5 })
    const sandboxId = await provider.create(crypto.randomUUID())
    const argv = ['bash', '-c', '(setsid -f sleep 60); echo started; sleep 60']
    const [first, second] = await Promise.all([
      provider.start(sandboxId, { argv, network: 'none' }),
      provider.start(sandboxId, { argv, network: 'egress' }),
    ])
    for (const { stdout } of [first, second]) await stdout.getReader().read()
    const path = cgroupsNow().find(name => name.endsWith(sandboxId)) ?? ''
    const read = (file: string) => readFileSync(join(path, file), 'utf8').trim()
    expect(read('memory.max')).toBe(String(256 * 1024 ** 2))
    expect(read('memory.oom.group')).toBe('1')
    expect(read('pids.max')).toBe(String(100 * 8 + 64))
    expect(read('cpu.max')).toBe('150000 100000')
    expect(read('cpu.weight')).toBe('20')
    const inside = () => read('cgroup.procs').split('\n')
    const sleeping = () => inside().filter(pid => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n')
    expect(await waitUntil(() => sleeping().length === 4, { limitMs: 20_000 })).toBe(true)
    expect(inside()).not.toContain(String(process.pid))
    await provider.pause(sandboxId)
    expect(await waitUntil(() => !existsSync(path), { limitMs: 20_000 })).toBe(true)
    await provider.destroy(sandboxId)
  })

  test('two that are busy at once share the processor time of their sandbox', async () => {
    const provider = makeProvider({ cpus: 0.4 })
    const sandboxId = await provider.create(crypto.randomUUID())
    const busy = 'end=$((SECONDS + 5)); while ((SECONDS < end)); do :; done'
    const script = `for i in 1 2; do bash -c '${busy}' & done; wait; echo $SECONDS; cat /proc/$$/stat`
    const { stdout, stderr, exited } = await provider.start(sandboxId, {
      argv: ['bash', '-c', script],
      network: 'none',
    })
    void stderr.cancel()
    const [lasted, stat = ''] = (await new Response(stdout).text()).split('\n')
    const fields = stat.split(' ')
    await exited
    // User and system time of what it waited for (proc(5)), in hundredths of a second.
    const seconds = (Number(fields[15]) + Number(fields[16])) / 100
    expect(seconds).toBeGreaterThan(0.5)
    // Whole seconds, begun ones not counted. Without a limit a processor that is free gives them all of the time.
    expect(seconds).toBeLessThan((Number(lasted) + 1) * 0.4 + 0.6)
    await provider.destroy(sandboxId)
  })

  test('what a killed runtime left is removed by its successor', async () => {
    const dataDirectory = mkdtempSync(join(scratch, 'killed-'))
    const marker = `marker-${crypto.randomUUID()}`
    const before = new Set(cgroupsNow())
    const runtime = Bun.spawn([process.execPath, HELD, dataDirectory, marker], { stdout: 'pipe' })
    await runtime.stdout.getReader().read()
    runtime.kill('SIGKILL')
    await runtime.exited
    const added = () => cgroupsNow().filter(path => !before.has(path))
    const left = added()
    expect(left).toHaveLength(1)
    // Its own trial of a sandbox is another one, gone a moment later.
    await makeProvider({}, dataDirectory).check()
    expect(left.filter(existsSync)).toEqual([])
    expect(await waitUntil(() => added().length === 0, { limitMs: 20_000 })).toBe(true)
  })
})
