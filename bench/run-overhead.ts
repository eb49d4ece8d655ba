/**
 * Run overhead: a run's wall time against the bare CLI doing the same (issue 2, "Measured in bench/"). What the
 * run does besides is all in its time: it is accepted, claimed, its sandbox made, the branch fetched and
 * checked out, the CLI confined, its events stored and streamed, the change committed and pushed.
 */
import { claudeCode } from '../services/runtime/harnesses/claude-code/claude-code.ts'
import { codex } from '../services/runtime/harnesses/codex/codex.ts'
import type { Harness, HarnessInstallation } from '../services/runtime/harnesses/harness.ts'
import type { ModelEndpoint } from '../tests/model-endpoint/endpoint.ts'
import { installForTests } from '../tests/model-endpoint/run-cli.ts'
import { signUpWithToken, storeProviderKey } from '../tests/system/accounts.ts'
import type { System } from '../tests/system/launch.ts'
import { makeRepository } from '../tests/system/repositories.ts'
import { cloneForBareCli, timeBareCli } from './bare-cli.ts'
import { median } from './statistics.ts'
import { formatTable, ms, ratio } from './table.ts'
import { runAndWatch, type WatchedRun } from './watch-run.ts'

const KEY = 'sk-stand-in-key-123456'
const HARNESSES = [codex, claudeCode]
const SANDBOXES = ['fresh', 'resumed'] as const
type SandboxState = (typeof SANDBOXES)[number]

interface Sample {
  harness: Harness['id']
  delayMs: number
  sandbox: SandboxState
  bareMs: number
  run: WatchedRun
}

export interface OverheadOptions {
  system: System
  endpoint: ModelEndpoint
  rounds: number
  /** Time a model turn takes; a run of the stand-in has two. */
  delaysMs: readonly number[]
}

/** Resolves with the tables to print. */
export async function measureRunOverhead(options: OverheadOptions): Promise<string> {
  const installations = new Map<string, HarnessInstallation>()
  for (const harness of HARNESSES) installations.set(harness.id, await installForTests(harness))
  const measure = async (harness: Harness, delayMs: number, round: number) => {
    const installation = installations.get(harness.id)
    // Whoever comes second finds the CLI in memory: that must not always be the same one.
    const isBareFirst = round % 2 === 1
    return installation ? measurePair({ ...options, harness, installation, delayMs, isBareFirst }) : []
  }
  // The first run of a CLI after its installation reads it from the disk.
  for (const harness of HARNESSES) await measure(harness, 0, 0)
  const samples: Sample[] = []
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const delayMs of options.delaysMs)
      for (const harness of HARNESSES) samples.push(...(await measure(harness, delayMs, round)))
    console.log(`run overhead: round ${round} of ${options.rounds}`)
  }
  return ratioTable(samples) + stageTable(samples)
}

interface Pair extends OverheadOptions {
  harness: Harness
  installation: HarnessInstallation
  delayMs: number
  isBareFirst: boolean
}

/** Two prompts one after the other, in a new sandbox and then in the same again; beside each the bare CLI. */
async function measurePair(pair: Pair): Promise<Sample[]> {
  const { system, endpoint, harness, installation, delayMs } = pair
  // Run starts are counted by user.
  const account = await signUpWithToken(system)
  await storeProviderKey(system, account, harness.id === 'codex' ? 'openai' : 'anthropic', KEY)
  const repository = await makeRepository(system, account)
  const checkout = cloneForBareCli(repository)
  endpoint.behave({ delayMs })
  const samples: Sample[] = []
  let branch: string | null = null
  for (const sandbox of SANDBOXES) {
    const prompt = `Leave a note.\nshell: printf 'a note\\n' > NOTE-${sandbox}.md`
    const onBranch = branch ? { workingBranch: branch, createBranch: false } : {}
    const timeBare = () => timeBareCli(harness, installation, { checkout, endpoint, key: KEY, prompt })
    const fields = { repoId: repository.repoId, prompt, harness: harness.id, ...onBranch }
    const before = pair.isBareFirst ? await timeBare() : null
    const run = await runAndWatch(system, account, fields)
    const bareMs = before ?? (await timeBare())
    if (!run.run.delivery?.pushed) throw new Error('the run pushed nothing')
    branch = run.run.branch.working
    samples.push({ harness: harness.id, delayMs, sandbox, bareMs, run })
  }
  return samples
}

function groupsOf(samples: readonly Sample[]): Map<string, Sample[]> {
  return Map.groupBy(
    samples,
    ({ harness, delayMs, sandbox }) => `${harness}, ${delayMs} ms a turn, ${sandbox} sandbox`,
  )
}

function ratioTable(samples: readonly Sample[]): string {
  const rows = [...groupsOf(samples)].map(([name, group]) => {
    const bare = median(group.map(sample => sample.bareMs))
    const run = median(group.map(sample => sample.run.wallMs))
    const ratios = group.map(sample => sample.run.wallMs / sample.bareMs)
    return [name, ms(bare), ms(run), ms(run - bare), ratio(median(ratios))]
  })
  const title = 'Run overhead: wall time of a run and of the bare CLI (ms; target: ratio at most 1.15)'
  return formatTable(title, ['', 'bare CLI', 'run', 'more', 'ratio'], rows)
}

/** The moments in a run that its events tell, in their order. */
const STAGES: readonly [string, (run: WatchedRun) => number | undefined][] = [
  ['accepted', run => timeOf(run, event => event.type === 'started')],
  ['synced', run => timeOf(run, event => event.payload.stage === 'git_sync')],
  ['agent started', run => timeOf(run, event => event.type === 'stream_started')],
  ['agent done', run => timeOf(run, event => event.payload.stage === 'assistant')],
  ['pushed', run => timeOf(run, event => event.payload.stage === 'git_delivery')],
  ['seen', run => run.startedAtMs + run.wallMs],
]

function timeOf(run: WatchedRun, fits: (event: WatchedRun['events'][number]) => boolean): number | undefined {
  const event = run.events.findLast(fits)
  return event && Date.parse(event.createdAt)
}

function stageTable(samples: readonly Sample[]): string {
  const rows = [...groupsOf(samples)].map(([name, group]) => {
    const figures = STAGES.map(([, momentOf], index) => {
      const durations = group.map(({ run }) => {
        const before = index === 0 ? run.startedAtMs : STAGES[index - 1]?.[1](run)
        return (momentOf(run) ?? Number.NaN) - (before ?? Number.NaN)
      })
      return median(durations).toFixed(0)
    })
    return [name, ...figures]
  })
  const title = 'Where a run spends it: ms from one moment to the next'
  return formatTable(title, ['', ...STAGES.map(([name]) => name)], rows)
}
