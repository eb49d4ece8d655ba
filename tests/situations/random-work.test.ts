/**
 * People, agents and failures in any order: no state is reached from which a plain run fails, and every file that an
 * agent wrote in a run that succeeded is on the remote or named as skipped.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import fc from 'fast-check'
import { makePerson, type Person } from './person.ts'
import { type Bench, type EndedRun, makeSituation, openBench, type Situation } from './situation.ts'

// Starting an instance, and each step, takes its time.
setDefaultTimeout(120_000)

const LIMIT_MS = 900_000

const SEQUENCES = 3
const STEPS = 10
const COMMIT = 'git -c user.name=Agent -c user.email=agent@example.com commit -q'

/** `file`: a name that nothing else has used. */
const SUCCESSFUL: Record<string, (file: string) => string[]> = {
  'leaves a file': file => [`write ${file} text`],
  commits: file => [`write ${file} text`, `run git add -A && ${COMMIT} -m work`],
  amends: file => [`write ${file} text`, `run git add -A && ${COMMIT} --amend -m amended`],
  'resets to main': file => ['run git reset -q --hard origin/main', `write ${file} text`],
  'leaves the branch': file => [
    `run git checkout -q -B other`,
    `write ${file} text`,
    `run git add -A && ${COMMIT} -m work`,
  ],
  'nests a repository': file => [`run git init -q in-${file} && echo text > in-${file}/${file}`],
  'does nothing': () => ['say nothing'],
}

const BREAKING: Record<string, (file: string) => string[]> = {
  'leaves files': file => [`write ${file} text`],
  'leaves a commit': file => [`write ${file} text`, `run git add -A && ${COMMIT} -m work`],
  'breaks the index': file => [`write ${file} text`, 'run printf damaged > .git/index'],
  'deletes .git': file => [`write ${file} text`, 'run rm -rf .git'],
  'leaves locks': file => [`write ${file} text`, 'run touch .git/index.lock .git/HEAD.lock'],
}

const PERSON: Record<string, (person: Person, branch: string, file: string) => unknown> = {
  pushes: (person, branch, file) => person.push(branch, { [file]: 'by a person\n' }),
  'force-pushes': (person, branch, file) => person.rewrite(branch, { [file]: 'by a person\n' }),
  'deletes the branch': (person, branch) => person.deleteBranch(branch),
  'merges and deletes the branch': (person, branch) => person.mergeAndDelete(branch),
}

type Step =
  | { kind: 'run'; what: string }
  | { kind: 'failing run'; what: string }
  | { kind: 'cancel'; what: string }
  | { kind: 'kill'; what: string }
  | { kind: 'person'; what: string }

const stepOf = (kind: Step['kind'], whats: object) =>
  fc.constantFrom(...Object.keys(whats)).map(what => ({ kind, what }))
const anyStep = fc.oneof(
  { arbitrary: stepOf('run', SUCCESSFUL), weight: 5 },
  { arbitrary: stepOf('failing run', BREAKING), weight: 3 },
  { arbitrary: stepOf('cancel', BREAKING), weight: 1 },
  { arbitrary: stepOf('kill', BREAKING), weight: 1 },
  { arbitrary: stepOf('person', PERSON), weight: 4 },
)

let bench: Bench
beforeAll(async () => {
  bench = await openBench()
})
afterAll(() => bench.close())

test(
  'whatever people, agents and failures do, a plain run works and nothing an agent made is lost',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { minLength: STEPS, maxLength: STEPS }), async steps => {
        const situation = await makeSituation(bench)
        const person = makePerson(situation.remote)
        for (const [index, step] of steps.entries()) await take(step, `file-${index}.txt`, situation, person)
        const file = 'at-last.txt'
        expectKept(situation, file, await situation.run({ script: [`write ${file} text`], ends: 'success' }))
      }),
      { numRuns: SEQUENCES, endOnFailure: true },
    )
  },
  LIMIT_MS,
)

async function take({ kind, what }: Step, file: string, situation: Situation, person: Person): Promise<void> {
  const { branch, remote } = situation
  if (kind === 'person') {
    // Who finds no branch has nothing to do with it.
    if (branch in remote.branches()) PERSON[what]?.(person, branch, file)
    return
  }
  const script = (kind === 'run' ? SUCCESSFUL : BREAKING)[what]?.(file) ?? []
  const lasting = [...script, 'say ready', 'sleep 60000']
  if (kind === 'failing run') await situation.run({ script: [...script, 'fail on purpose'], ends: 'failed' })
  else if (kind === 'cancel') await situation.run({ script: lasting, ends: 'cancelled' })
  else if (kind === 'kill')
    await situation.run({ script: lasting, ends: 'failed', whenReady: () => killRuntime(bench) })
  else {
    const ended = await situation.run({ script, ends: 'success' })
    if (what !== 'does nothing') expectKept(situation, file, ended)
  }
}

async function killRuntime({ system }: Bench): Promise<void> {
  await system.kill('runtime')
  await system.ready('runtime')
}

function expectKept(situation: Situation, file: string, { run }: EndedRun): void {
  const skipped = (run.delivery?.skipped ?? []).map(({ path }) => path)
  const there = situation.filesOn(run.delivery?.branch ?? '')
  expect([...there, ...skipped].filter(path => path.split('/').at(-1) === file)).toHaveLength(1)
}
