/**
 * What the tests of this folder stand on: real git, a real remote, real sandboxes. Loaded by tests only.
 */
import { chown, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { PATIENT } from '@mogplex/kit/git-remote/try-again.ts'
import { newId } from '@mogplex/kit/ids.ts'
import { createLog } from '@mogplex/kit/log.ts'
import type { RepositorySource } from '@mogplex/proto/projects.ts'
import { createLocalSandboxProvider } from '../sandboxes/local/local.ts'
import type { SandboxProvider } from '../sandboxes/provider.ts'
import { type DeliverRequest, deliver } from './deliver.ts'
import type { GitHost } from './host-git.ts'
import { type SyncedCheckout, type SyncRequest, syncCheckout } from './sync-checkout.ts'

const CLEAN_GIT = {
  PATH: '/usr/local/bin:/usr/bin:/bin',
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_AUTHOR_NAME: 'Someone',
  GIT_AUTHOR_EMAIL: 'someone@example.test',
  GIT_COMMITTER_NAME: 'Someone',
  GIT_COMMITTER_EMAIL: 'someone@example.test',
}

/** As patient as a run is, without the waiting. */
export const HURRIED = { ...PATIENT, sleep: async () => undefined }

/** A directory of its own for one test file; `remove` it afterwards. */
export async function createBench() {
  const root = await mkdtemp(join(tmpdir(), 'mogplex-git-'))
  // The remotes of tests lie on the loopback address.
  const host: GitHost = { dataDirectory: join(root, 'data'), allowPrivateHosts: true, patience: HURRIED }
  const log = createLog({ process: 'test', level: 'silent' })
  const provider = createLocalSandboxProvider({ ...host, log })
  return {
    root,
    host,
    provider,
    remove: () => rm(root, { recursive: true, force: true }),
    createRemote: (name: string, extra: string[] = []) => createRemote(root, name, extra),
    commitToRemote: (remote: string, branch: string, file: string) =>
      commitToRemote(root, remote, branch, file),

    /** A run's requests with everything filled in, in a sandbox and a mirror of its own. */
    async createRun(overrides: Partial<SyncRequest> & Pick<SyncRequest, 'source'>) {
      const sandboxId = await provider.create(newId())
      const sync: SyncRequest = {
        host,
        provider,
        sandboxId,
        repoId: newId(),
        baseBranch: 'main',
        workingBranch: 'work',
        createBranch: true,
        callId: '01890000-0000-7000-8000-0123456789ab',
        confirm: async () => true,
        signal: new AbortController().signal,
        log,
        ...overrides,
      }
      return describeRun(sync)
    },
  }
}

function describeRun(sync: SyncRequest) {
  const files = join(sync.host.dataDirectory, 'sandboxes', sync.sandboxId)
  const delivery = (checkout: SyncedCheckout, more: Partial<DeliverRequest> = {}): DeliverRequest => ({
    ...sync,
    checkout,
    author: { name: 'Ada Owner', email: 'ada@example.test' },
    prompt: 'Do the thing\nin detail',
    mode: 'AUTO',
    ...more,
  })
  const agent = (script: string) => inSandbox(sync.provider, sync.sandboxId, script)
  return {
    sync,
    /** The sandbox's own files, seen from the host. */
    workspace: join(files, 'workspace'),
    home: join(files, 'home'),
    /** Writes a file as the sandbox's user would. */
    write: (path: string, text: string) => writeAsOwner(join(files, 'workspace'), path, text),
    delivery,
    /** What an agent does: a shell in the checkout, with an ordinary git. */
    agent,
    async syncAndDeliver(script: string, more: Partial<DeliverRequest> = {}) {
      const checkout = await syncCheckout(sync)
      await agent(script)
      return await deliver(delivery(checkout, more))
    },
  }
}

export type Run = ReturnType<typeof describeRun>

/** A bare remote whose `main` has one commit; `extra` branches point there too. */
async function createRemote(root: string, name: string, extra: string[]): Promise<string> {
  const remote = join(root, name)
  const seed = join(root, `${name}.seed`)
  await git(root, 'init', '--quiet', '--bare', '--initial-branch=main', remote)
  await git(root, 'init', '--quiet', '--initial-branch=main', seed)
  await Bun.write(join(seed, 'readme.md'), 'hello\n')
  await Bun.write(join(seed, '.gitignore'), 'ignored/\n')
  await git(seed, 'add', '.')
  await git(seed, 'commit', '--quiet', '-m', 'first')
  await git(seed, 'push', '--quiet', remote, 'main', ...extra.map(branch => `main:refs/heads/${branch}`))
  return remote
}

/** Adds a commit to a branch of a bare remote, as somebody else would. Returns it. */
async function commitToRemote(root: string, remote: string, branch: string, file: string): Promise<string> {
  const clone = await mkdtemp(join(root, 'clone-'))
  await git(root, 'clone', '--quiet', '--branch', branch, remote, clone)
  await Bun.write(join(clone, file), `${file}\n`)
  await git(clone, 'add', '.')
  await git(clone, 'commit', '--quiet', '-m', `add ${file}`)
  await git(clone, 'push', '--quiet', 'origin', branch)
  return await git(clone, 'rev-parse', 'HEAD')
}

export type Bench = Awaited<ReturnType<typeof createBench>>

/** A source without a credential. */
export function sourceOf(
  cloneUrl: string,
  auth: RepositorySource['auth'] = { kind: 'none' },
): RepositorySource {
  const names = { fullName: 'local/demo', defaultBranch: 'main', rootDirectory: null }
  return { provider: 'git', cloneUrl, auth, allowPrivateHosts: true, ...names }
}

/** Git of the test itself; returns stdout, throws with stderr. */
export async function git(directory: string, ...args: string[]): Promise<string> {
  const child = Bun.spawn(['git', ...args], {
    cwd: directory,
    env: CLEAN_GIT,
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [stdout, stderr, exitCode] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
  return stdout.trim()
}

async function writeAsOwner(directory: string, path: string, text: string): Promise<void> {
  const { uid, gid } = await stat(directory)
  const file = join(directory, path)
  const made = await mkdir(dirname(file), { recursive: true })
  await writeFile(file, text)
  if (made) await chown(made, uid, gid)
  for (const owned of [file, dirname(file)]) await chown(owned, uid, gid)
}

async function inSandbox(provider: SandboxProvider, sandboxId: string, script: string): Promise<string> {
  const env = Object.fromEntries(Object.entries(CLEAN_GIT).filter(([name]) => name.startsWith('GIT_')))
  const child = await provider.start(sandboxId, { argv: ['sh', '-ec', script], network: 'none', env })
  const [stdout, stderr, { exitCode }] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  if (exitCode !== 0) throw new Error(`the agent's script failed: ${stderr}`)
  return stdout.trim()
}
