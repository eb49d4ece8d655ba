import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type HttpRemote, serveHttpRemote } from '@mogplex/kit/test-bench/git-http-remote.ts'
import { deliver } from './deliver.ts'
import { mirrorPath } from './mirror.ts'
import { syncCheckout } from './sync-checkout.ts'
import { type Bench, createBench, git, type Run, sourceOf } from './test-bench.ts'
import { filesContaining } from './test-observe.ts'

const CREDENTIAL = { username: 'robot', token: 'tok-91ab3377cafe' }

let bench: Bench
let server: HttpRemote
let mark: string
beforeAll(async () => {
  bench = await createBench()
  server = serveHttpRemote(bench.root, CREDENTIAL)
  mark = join(bench.root, 'executed-on-the-host')
})
afterAll(async () => {
  await server.stop()
  await bench.remove()
})

async function setUp(name: string) {
  const remote = await bench.createRemote(name)
  const source = sourceOf(`${server.origin}/${name}`, { kind: 'basic', ...CREDENTIAL })
  return { remote, run: await bench.createRun({ source }) }
}

/**
 * A program that marks a path which exists on the host only, and keeps its environment in the sandbox's home,
 * where a credential would be found. `cat` lets filters pass their input on.
 */
const spy = () => `sh -c 'touch ${mark}; env >> /home/agent/loot; cat'`

const settings = (): [string, string][] => [
  ['core.fsmonitor', spy()],
  ['core.sshCommand', spy()],
  ['core.hooksPath', '/workspace/.evil'],
  ['core.editor', spy()],
  ['core.pager', spy()],
  ['core.askPass', '/workspace/.evil/pre-commit'],
  ['core.alternateRefsCommand', spy()],
  ['core.gitProxy', spy()],
  ['credential.helper', `!${spy()}`],
  ['filter.spy.clean', spy()],
  ['filter.spy.smudge', spy()],
  ['filter.spy.required', 'true'],
  ['diff.external', spy()],
  ['diff.spy.textconv', spy()],
  ['merge.spy.driver', spy()],
  ['gpg.program', '/workspace/.evil/pre-commit'],
  ['commit.gpgSign', 'true'],
  ['uploadpack.packObjectsHook', spy()],
  ['remote.origin.url', `ext::${spy()}`],
  ['remote.origin.uploadpack', spy()],
  ['remote.origin.receivepack', spy()],
  ['url.ext::x.insteadOf', 'http'],
  ['include.path', '/workspace/.evil/config'],
  ['protocol.ext.allow', 'always'],
  ['alias.status', `!${spy()}`],
  ['maintenance.auto', 'true'],
  ['gc.auto', '1'],
]

async function plant(run: Run): Promise<void> {
  const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`
  const sets = settings().map(([key, value]) => `git config --file .git/config --add ${key} ${quote(value)}`)
  const hooks = ['pre-commit', 'post-commit', 'commit-msg', 'prepare-commit-msg', 'post-checkout', 'pre-push']
  const more = ['reference-transaction', 'post-index-change', 'post-rewrite', 'pre-auto-gc', 'post-merge']
  for (const path of ['.evil', '.git/hooks'].flatMap(directory =>
    [...hooks, ...more].map(hook => `${directory}/${hook}`),
  )) {
    await run.write(path, `#!/bin/sh\n${spy()} < /dev/null\n`)
  }
  await run.write('.evil/config', `[core]\n\tfsmonitor = "${spy()}"\n`)
  await run.write('.gitattributes', '* filter=spy diff=spy merge=spy\n')
  await run.agent(['chmod +x .evil/* .git/hooks/*', 'echo changed >> readme.md', ...sets].join('\n'))
}

test('whatever a checkout configures, nothing of it runs on the host or sees the credential', async () => {
  const { remote, run } = await setUp('planted')
  const checkout = await syncCheckout(run.sync)
  await plant(run)
  expect(await deliver(run.delivery(checkout))).toMatchObject({ pushed: true })
  const other = { ...run.sync, workingBranch: 'other' }
  await bench.commitToRemote(remote, 'main', 'more.txt')
  await syncCheckout(other).catch(error => expect(error).toMatchObject({ code: 'git_sync_failed' }))
  expect(existsSync(mark)).toBe(false)
  // The filter does run where it may: that is what shows that the spy works.
  expect(await run.agent('cat /home/agent/loot')).toContain('GIT_DIR')
  expect(await filesContaining(bench.root, CREDENTIAL.token)).toEqual([])
  expect(await git(remote, 'show', 'work:readme.md')).toContain('changed')
})

test.each([
  ['a link', 'mv .git /home/agent/git; ln -s /home/agent/git .git; echo x > x'],
  ['a link to the host', 'rm -rf .git; ln -s MIRROR .git; echo x > x'],
  ['a file', 'rm -rf .git; echo "gitdir: MIRROR" > .git; echo x > x'],
  ['gone', 'rm -rf .git; echo x > x'],
  ['broken', 'echo garbage > .git/HEAD; echo x > x'],
  ['without objects', 'rm -rf .git/objects; echo x > x'],
  [
    'missing an object',
    'echo x > x; git add .; git commit -qm x; rm -f .git/objects/$(git rev-parse HEAD^{tree} | sed "s,..,&/,")',
  ],
  ['borrowing objects', 'echo MIRROR/objects > .git/objects/info/alternates; echo x > x'],
  [
    'pretending to be shallow',
    'echo x > x; git add .; git commit -qm x; git rev-parse HEAD > .git/shallow; echo y > y',
  ],
])('a .git that is %s harms neither the host nor the mirror', async (how, script) => {
  const { run, remote } = await setUp(`replaced-${how.replaceAll(' ', '-')}`)
  const checkout = await syncCheckout(run.sync)
  const mirror = mirrorPath(bench.host, run.sync.repoId)
  await run.agent(script.replaceAll('MIRROR', mirror))
  const outcome = await deliver(run.delivery(checkout)).catch(error => error)
  if (outcome.code) expect(outcome.code).toBe('delivery_failed')
  else expect(outcome.commit).toBe(await git(remote, 'rev-parse', 'work'))
  await syncCheckout(run.sync).catch(error => expect(error.code).toBe('git_sync_failed'))
  expect(existsSync(mark)).toBe(false)
  await git(mirror, 'fsck', '--full', '--strict')
  expect(await readFile(join(mirror, 'config'), 'utf8')).toContain('hooksPath = /dev/null')
})

test('objects that git thinks malicious are refused', async () => {
  const { remote, run } = await setUp('malicious')
  const script = `
    blob=$(echo x | git hash-object -w --stdin)
    tree=$(printf '100644 blob %s\\t.git\\n' "$blob" | git mktree 2>/dev/null) || exit 1
    git update-ref refs/heads/work $(git commit-tree -p HEAD -m evil "$tree")`
  const checkout = await syncCheckout(run.sync)
  await run.agent(script)
  await expect(deliver(run.delivery(checkout))).rejects.toMatchObject({ code: 'delivery_failed' })
  expect(await git(remote, 'rev-list', '--count', 'work')).toBe('1')
})

test('a pack that never ends, or is none, is given up', async () => {
  const { remote, run } = await setUp('liar')
  const checkout = await syncCheckout(run.sync)
  const liars = [
    'printf "%040d\\n" 1; cat /dev/zero',
    'cat /dev/zero',
    'printf "%040d\\n" 1; printf PACK',
    'printf "%040d\\n" 1',
    'exit 0',
  ]
  for (const script of liars) {
    const provider: typeof bench.provider = {
      ...bench.provider,
      start: (id, command) => bench.provider.start(id, { ...command, argv: ['sh', '-c', script] }),
    }
    const delivery = deliver(run.delivery(checkout, { provider }))
    await expect(delivery).rejects.toMatchObject({ code: 'delivery_failed' })
  }
  expect(await git(remote, 'rev-list', '--count', 'work')).toBe('1')
})
