/** Conformance of sandbox providers: nothing survives stop, pause, destroy or the process's own end. */
import { describe, expect, test } from 'bun:test'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import type { SandboxCommand, SandboxProcess } from './provider.ts'
import { type Bench, commandLinesWith } from './provider-conformance.ts'

/** Starts every kind of process that tends to get away, then waits. Each shows `marker` on the host. */
const runaways = (marker: string) => `
named() { exec -a "$0 ${marker} $1" sleep 1000; }
(named child) &
(trap '' INT TERM HUP; named deaf) &
(setsid bash -c 'exec -a "${marker} setsid" sleep 1000' &) &
(setsid bash -c '(trap "" INT; exec -a "${marker} daemon" sleep 1000) </dev/null >/dev/null 2>&1 &')
nohup bash -c 'exec -a "${marker} nohup" sleep 1000' >/dev/null 2>&1 &
echo started
`
const RUNAWAYS = 5

export function describeStopping(bench: Bench): void {
  describe('stopping', () => {
    describeWholeTrees(bench)
    describeGrace(bench)
    describePauseAndDestroy(bench)
  })
}

const newMarker = () => `marker-${crypto.randomUUID()}`

/** Command lines of the runaways alone, not of the shells whose script names them. */
function named(marker: string): string[] {
  return commandLinesWith(`${marker} `).filter(line => !line.includes('named()'))
}

/** Resolves once all of them are there, and no shell any more that is about to become one. */
async function untilAllRun(marker: string): Promise<void> {
  const areThere = () => {
    const lines = named(marker)
    return lines.length === RUNAWAYS && !lines.some(line => line.includes('sleep'))
  }
  expect(await waitUntil(areThere, { limitMs: 20_000 })).toBe(true)
}

/** Starts a script and waits until it says `started`. */
async function start(bench: Bench, script: string): Promise<SandboxProcess> {
  const command: SandboxCommand = { argv: ['bash', '-c', script], network: 'egress' }
  const started = await bench.provider.start(bench.sandboxId, command)
  await readLine(started)
  return started
}

function describeWholeTrees(bench: Bench): void {
  test('stop ends every process, however it tried to get away', async () => {
    const marker = newMarker()
    const started = await start(bench, `${runaways(marker)} wait`)
    await untilAllRun(marker)
    await started.stop(300)
    expect(named(marker)).toEqual([])
    expect((await started.exited).exitCode).not.toBe(0)
    await started.stop(0)
  })

  test('what a process left running ends with it', async () => {
    const marker = newMarker()
    const started = await start(bench, `${runaways(marker)} exit 5`)
    expect(await started.exited).toEqual({ exitCode: 5, signal: null })
    expect(named(marker)).toEqual([])
  })
}

function describeGrace(bench: Bench): void {
  test('stop interrupts the whole tree first, and a process that ends by itself is not killed', async () => {
    const file = `interrupted-${crypto.randomUUID()}`
    const inner = `trap "echo inner >>${file}; exit 0" INT; touch ${file}.ready; while :; do sleep 0.05; done`
    const isReady = `until [ -e ${file}.ready ]; do sleep 0.05; done`
    const started = await start(
      bench,
      `set -m; bash -c '${inner}' & trap 'wait; echo outer >>${file}; exit 9' INT; ${isReady}; echo started; while :; do sleep 0.05; done`,
    )
    await started.stop(20_000)
    expect(await started.exited).toEqual({ exitCode: 9, signal: null })
    expect((await bench.run({ script: `sort ${file}` })).stdout).toBe('inner\nouter\n')
  })

  test('a process that ignores the interrupt is killed after the grace', async () => {
    const started = await start(bench, `trap '' INT TERM; echo started; while :; do sleep 0.1; done`)
    const stopped = started.stop(400)
    expect(await Promise.race([stopped.then(() => 'stopped'), Bun.sleep(200).then(() => 'running')])).toBe(
      'running',
    )
    await stopped
    expect(await started.exited).toEqual({ exitCode: null, signal: 'SIGKILL' })
  })

  test('stop right after start leaves nothing', async () => {
    const marker = newMarker()
    const script = `exec -a "${marker} early" sleep 1000`
    for (let round = 0; round < 5; round++) {
      const command: SandboxCommand = { argv: ['bash', '-c', script], network: 'egress' }
      const started = await bench.provider.start(bench.sandboxId, command)
      await Bun.sleep(round * 4)
      await started.stop(0)
    }
    expect(commandLinesWith(marker)).toEqual([])
  })
}

function describePauseAndDestroy(bench: Bench): void {
  for (const operation of ['pause', 'destroy'] as const) {
    test(`${operation} ends all processes of its sandbox and of no other`, async () => {
      const [marker, kept] = [newMarker(), newMarker()]
      const other = await start(bench, `${runaways(kept)} wait`)
      await untilAllRun(kept)
      const sandboxId = await bench.provider.create(crypto.randomUUID())
      const command: SandboxCommand = { argv: ['bash', '-c', `${runaways(marker)} wait`], network: 'none' }
      const several = await Promise.all([1, 2, 3].map(() => bench.provider.start(sandboxId, command)))
      await Promise.all(several.map(readLine))
      await bench.provider[operation](sandboxId)
      await bench.provider[operation](sandboxId)
      expect(named(marker)).toEqual([])
      await Promise.all(several.map(each => each.exited))
      expect(named(kept)).toHaveLength(RUNAWAYS)
      expect(await bench.provider.exists(sandboxId)).toBe(operation === 'pause')
      if (operation === 'pause')
        expect((await bench.run({ script: 'echo again' }, sandboxId)).stdout).toBe('again\n')
      await bench.provider.destroy(sandboxId)
      await other.stop(0)
    })
  }
}

async function readLine(started: SandboxProcess): Promise<void> {
  const reader = started.stdout.getReader()
  const { value } = await reader.read()
  reader.releaseLock()
  if (!new TextDecoder().decode(value).startsWith('started')) throw new Error('did not start')
}
