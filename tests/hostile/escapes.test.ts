/** Repositories whose trees reach for what is outside of them, and agents that leave such traps. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '@mogplex/kit/test-bench/ended-at-exit.ts'
import { OPEN_DOORS, signUpWithToken } from '../system/accounts.ts'
import { type System, startSystem } from '../system/launch.ts'
import { GIT_ROOT, git, importRepository } from '../system/repositories.ts'
import { type Run, script, startRun, waitForEnd } from '../system/runs.ts'
import { STAGE_SETTINGS } from '../system/stages.ts'

setDefaultTimeout(180_000)

/** Of the host, and of nobody's business. */
const outside = temporaryDirectory('outside')
const SECRET = `secret-${crypto.randomUUID()}`
const secretFile = join(outside, 'secret')
writeFileSync(secretFile, SECRET)
const trap = join(outside, 'trap')
mkdirSync(trap)

let system: System
beforeAll(async () => {
  system = await startSystem({ env: { ...OPEN_DOORS, ...STAGE_SETTINGS } })
})
afterAll(() => system.stop())

let made = 0

/** A bare repository with what `fill` puts into the work tree of its first commit. */
function makeHostile(fill: (directory: string) => void): string {
  made += 1
  const seed = join(GIT_ROOT, `hostile-${made}`)
  git(GIT_ROOT, 'init', '-q', '-b', 'main', seed)
  writeFileSync(join(seed, 'README.md'), 'hello\n')
  fill(seed)
  git(seed, 'add', '-A')
  git(seed, 'commit', '-q', '-m', 'First')
  return bare(seed)
}

/** As {@link makeHostile}, with a tree entry that no work tree could have. */
function makeWithEntry(entry: string, name: string): string {
  return makeHostile(seed => {
    const blob = git(seed, 'hash-object', '-w', 'README.md')
    const bytes = Buffer.concat([Buffer.from(`100755 ${name}\0`), Buffer.from(blob, 'hex')])
    writeFileSync(join(seed, entry), bytes)
    const tree = git(seed, 'hash-object', '-t', 'tree', '--literally', '-w', entry)
    const commit = git(seed, 'commit-tree', tree, '-m', 'Hostile')
    git(seed, 'update-ref', 'refs/heads/hostile', commit)
  })
}

function bare(seed: string): string {
  const path = `${seed}.git`
  git(GIT_ROOT, 'clone', '-q', '--bare', seed, path)
  return path
}

async function runOn(path: string, prompt: string, fields: Record<string, unknown> = {}): Promise<Run> {
  // Each by somebody else: how often one person may start runs is counted.
  const account = await signUpWithToken(system)
  const repoId = await importRepository(system, account, { remote_url: path })
  const { runId } = await startRun(system, account, { repoId, prompt, ...fields })
  return waitForEnd(system, account, runId, 120_000)
}

/** All that the run pushed. */
const pushed = (path: string, run: Run) =>
  run.delivery?.branch ? git(path, 'log', '-p', '--format=%H', run.delivery.branch) : ''

test.each([
  ['a link to a file of the host', (seed: string) => symlinkSync(secretFile, join(seed, 'link'))],
  ['a link to a directory of the host', (seed: string) => symlinkSync(outside, join(seed, 'link'))],
  [
    'a link that climbs',
    (seed: string) => symlinkSync('../'.repeat(20) + secretFile.slice(1), join(seed, 'link')),
  ],
  ['a link by way of /proc', (seed: string) => symlinkSync(`/proc/1/root${secretFile}`, join(seed, 'link'))],
])('a repository holds %s for the agent to read', async (_, fill) => {
  const path = makeHostile(fill)
  const run = await runOn(
    path,
    script('run cat link link/secret > seen; cp -rL link copied; true', 'write DONE x'),
  )
  expect(run.status).toBe('success')
  expect(pushed(path, run)).not.toContain(SECRET)
})

test('an agent writes through a link, and has the host follow it', async () => {
  const path = makeHostile(seed => symlinkSync(trap, join(seed, 'out')))
  await runOn(
    path,
    script('run echo x > out/planted; rm out; mkdir -p out; echo y > out/planted; true', 'write DONE x'),
  )
  expect(readdirSync(trap)).toEqual([])
})

test('an agent puts links to the host where files were, and has them delivered', async () => {
  const path = makeHostile(() => undefined)
  const run = await runOn(
    path,
    script(`run rm README.md; ln -s '${secretFile}' README.md; ln -s '${outside}' all; true`),
  )
  expect(pushed(path, run)).not.toContain(SECRET)
})

test('an agent makes its checkout another repository, with hooks, for the host to open', async () => {
  const path = makeHostile(() => undefined)
  const hook = `printf '#!/bin/sh\\ntouch ${trap}/hooked\\n'`
  await runOn(
    path,
    script(
      `run rm -rf .git; git init -q .; for h in pre-push post-commit pre-commit post-index-change post-checkout reference-transaction; do ${hook} > .git/hooks/$h; chmod +x .git/hooks/$h; done; git config core.fsmonitor 'touch ${trap}/fsmonitor'; git config core.hooksPath .git/hooks; true`,
      'write DONE x',
    ),
  )
  expect(readdirSync(trap)).toEqual([])
})

test.each([
  ['.git', '.git'],
  ['.GIT', '.GIT'],
  ['a climb', '..'],
  ['a short name of .git', 'git~1'],
  ['.git behind a character nobody sees', '.g\u200cit'],
])('a repository has an entry named %s', async (_, name) => {
  const path = makeWithEntry('entry', name)
  const run = await runOn(path, 'write DONE x', { baseBranch: 'hostile' })
  expect(run.status).toBeOneOf(['failed', 'success'])
  expect([existsSync(join(GIT_ROOT, 'hello')), readdirSync(trap)]).toEqual([false, []])
})

test.each([
  ['a command for its address', '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch TRAP/submodule"\n'],
  [
    'a path that climbs',
    '[submodule "../../x"]\n\tpath = ../../x\n\turl = ./x\n\tupdate = !touch TRAP/submodule\n',
  ],
  ['an option for its address', '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch TRAP/submodule\n'],
])('a repository has a submodule with %s', async (_, text) => {
  const path = makeHostile(seed => writeFileSync(join(seed, '.gitmodules'), text.replaceAll('TRAP', trap)))
  await runOn(path, 'write DONE x')
  expect(readdirSync(trap)).toEqual([])
})

test('a repository names filters and drivers of its own', async () => {
  const path = makeHostile(seed => {
    writeFileSync(join(seed, '.gitattributes'), '* filter=x diff=x merge=x\n')
    writeFileSync(
      join(seed, '.gitconfig'),
      `[filter "x"]\n\tclean = touch ${trap}/f\n\tsmudge = touch ${trap}/f\n`,
    )
  })
  await runOn(
    path,
    script(
      `run git config filter.x.clean 'touch ${trap}/f'; git config filter.x.smudge 'touch ${trap}/f'`,
      'write DONE x',
    ),
  )
  expect(readdirSync(trap)).toEqual([])
})

test('nothing of the host was changed', () => {
  expect(readdirSync(outside).toSorted()).toEqual(['secret', 'trap'])
  expect(readFileSync(secretFile, 'utf8')).toBe(SECRET)
})
