import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLog } from '@mogplex/kit/log.ts'
import { waitUntil } from '@mogplex/kit/processes/wait-until.ts'
import type { HarnessCommand } from '../harnesses/harness.ts'
import { createLocalSandboxProvider } from '../sandboxes/local/local.ts'
import { type SandboxProcess, WORKSPACE_PATH } from '../sandboxes/provider.ts'
import { commandLinesWith } from '../sandboxes/provider-conformance.ts'
import { holdAgent, isNotStarted } from './held-agent.ts'

setDefaultTimeout(60_000)

const dataDirectory = mkdtempSync(join(tmpdir(), 'held-agent-'))
const log = createLog({ process: 'test', level: 'silent' })
const provider = createLocalSandboxProvider({ dataDirectory, log })
let sandboxId: string
beforeAll(async () => {
  sandboxId = await provider.create(crypto.randomUUID())
})
afterAll(async () => {
  await provider.destroy(sandboxId)
  rmSync(dataDirectory, { recursive: true, force: true })
})

/** With all that has a meaning in git's settings. */
const AUTHOR = { name: 'Ada "Q" L; \\ # [user] x', email: 'ada+x@example.test' }

const onHost = (path: string) => join(dataDirectory, 'sandboxes', sandboxId, 'workspace', path)
const inHome = (path: string) => join(dataDirectory, 'sandboxes', sandboxId, 'home', path)

function hold(script: string, more: Partial<HarnessCommand> = {}, rootPath = WORKSPACE_PATH) {
  const command = {
    argv: ['bash', '-c', script],
    env: {},
    stdin: '',
    mounts: [],
    endpoints: [],
    files: [],
    ...more,
  }
  return holdAgent(command, { provider, sandboxId, rootPath, author: AUTHOR })
}

async function endOf(child: SandboxProcess) {
  const [stdout, stderrTail, exit] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  return { stdout, stderrTail, ...exit }
}

async function inSandbox(script: string) {
  return endOf(await provider.start(sandboxId, { argv: ['bash', '-ec', script], network: 'none' }))
}

test('an agent runs once it is let go, and not before, in a directory that was made meanwhile', async () => {
  const agent = await hold('touch ran; pwd; cat', { stdin: 'go\nprompt\n' }, `${WORKSPACE_PATH}/web app`)
  await inSandbox('mkdir "web app"; sleep 0.2')
  expect(existsSync(onHost('web app/ran'))).toBe(false)
  const end = await endOf(agent.release())
  expect(end).toMatchObject({ stdout: '/workspace/web app\ngo\nprompt\n', exitCode: 0 })
  expect(existsSync(onHost('web app/ran'))).toBe(true)
})

test('one that is discarded never runs, and leaves no process', async () => {
  const mark = crypto.randomUUID()
  const agent = await hold(`touch discarded; echo ${mark}`)
  expect(await waitUntil(() => commandLinesWith(mark).length > 0, { limitMs: 10_000 })).toBe(true)
  await agent.discard()
  expect(commandLinesWith(mark)).toEqual([])
  expect(existsSync(onHost('discarded'))).toBe(false)
})

test('files are written into HOME, over whatever lies there and only there; the checkout has none', async () => {
  const content = 'two\nlines "$HOME" \\n %s\n'
  const files = ['.mogplex/a.json', '.mogplex/deep/er/b', '.mogplex/link', '.mogplex/directory'].map(
    path => ({
      path,
      content,
    }),
  )
  await inSandbox('cd; mkdir -p .mogplex/directory/x; echo own >own; ln -s ../own .mogplex/link')
  const before = readdirSync(onHost(''))
  const agent = await hold('env; pwd', { files, env: { count: '5' } })
  const { stdout } = await endOf(agent.release())
  expect(files.map(({ path }) => readFileSync(inHome(path), 'utf8'))).toEqual(files.map(() => content))
  expect(readFileSync(inHome('own'), 'utf8')).toBe('own\n')
  expect(readdirSync(onHost(''))).toEqual(before)
  await inSandbox('rm ~/own')
  expect(stdout).toContain('count=5\n')
  expect(stdout).toEndWith('/workspace\n')
  expect(stdout).not.toContain('HARNESS_FILE')
  expect(stdout).not.toContain('two\nlines')
})

test("a link in place of the files' directory is not followed", async () => {
  await inSandbox('cd; rm -rf .mogplex; mkdir elsewhere; touch elsewhere/a.json; ln -s elsewhere .mogplex')
  const agent = await hold('true', { files: [{ path: '.mogplex/a.json', content: 'x' }] })
  expect((await endOf(agent.release())).exitCode).toBe(0)
  expect(readFileSync(inHome('elsewhere/a.json'), 'utf8')).toBe('')
  expect(readFileSync(inHome('.mogplex/a.json'), 'utf8')).toBe('x')
  await inSandbox('rm -r ~/elsewhere')
})

test('what an earlier agent has locked does not keep the files from being written', async () => {
  await inSandbox(
    'cd; rm -rf .mogplex; mkdir -p .mogplex/deep; touch .mogplex/deep/x; chmod 0500 .mogplex/deep .mogplex',
  )
  const agent = await hold('true', { files: [{ path: '.mogplex/a.json', content: 'x' }] })
  expect((await endOf(agent.release())).exitCode).toBe(0)
  expect(readFileSync(inHome('.mogplex/a.json'), 'utf8')).toBe('x')
})

test('an agent whose files cannot be written does not run, and that can be told', async () => {
  const files = [
    { path: '.mogplex/a', content: 'x' },
    { path: '.mogplex/a/b', content: 'x' },
  ]
  const agent = await hold('touch unwritten', { files })
  const end = await endOf(agent.release())
  expect(isNotStarted(end)).toBe(true)
  expect(existsSync(onHost('unwritten'))).toBe(false)
  const own = await hold('exit 125')
  expect(isNotStarted(await endOf(own.release()))).toBe(false)
})

const HOME_FINDS = 'cd; find . -mindepth 1 \\( -type f -o -type l \\) | sort'

test('what an earlier agent left in HOME as settings is gone, however it was left; the rest is there', async () => {
  await inSandbox(`cd
    mkdir -p .claude/skills/x .claude/projects/p .codex/sessions .codex/rules .agents/skills .config/git .cargo/registry
    touch .claude/settings.json .claude/.claude.json .claude/skills/x/SKILL.md .claude/..odd .claude/projects/p/1.jsonl
    touch .codex/config.toml .codex/.env .codex/auth.json .codex/rules/x.rules .codex/sessions/1.jsonl
    touch .codex/state_5.sqlite .codex/memories_1.sqlite .agents/skills/x .config/git/config .cargo/config.toml
    touch .cargo/registry/crate .bashrc .bash_profile .profile .gitconfig .npmrc .netrc notes.txt
    ln -s /workspace/elsewhere .zshrc
    chmod 0500 .claude/skills/x .claude .codex/rules .`)
  const { stdout, exitCode } = await endOf((await hold(HOME_FINDS)).release())
  expect(stdout.trim().split('\n')).toEqual([
    ...['./.cargo/registry/crate', './.claude/projects/p/1.jsonl', './.codex/sessions/1.jsonl'],
    // Ours, see below.
    ...['./.codex/state_5.sqlite', './.gitconfig', './notes.txt'],
  ])
  expect(exitCode).toBe(0)
})

test('a link in place of a directory of settings is removed, and not what it leads to', async () => {
  await inSandbox(
    'cd; rm -rf .claude; mkdir -p mine; touch mine/file; ln -s mine .claude; ln -s ../mine .config',
  )
  const { stdout } = await endOf(
    (await hold(`${HOME_FINDS} | grep -e mine -e '/[.]config' -e claude`)).release(),
  )
  expect(stdout).toBe('./mine/file\n')
})

const MADE_BY = `cd "$(mktemp -d)"; git init -q; git commit -q --allow-empty -m x; git log -1 --format='%an <%ae> %cn <%ce>'`

test.each([
  ['nothing', ':'],
  ['settings of its own', "printf '[user]\\n\\tname = Eve\\n[alias]\\n\\tlog = !false\\n' > .gitconfig"],
  ['settings that nobody may write', 'touch .gitconfig; chmod 0400 .gitconfig'],
  ['a link', 'echo mine > notes; ln -s notes .gitconfig'],
  ['a link to nowhere', 'ln -s nowhere/at/all .gitconfig'],
  ['a directory', 'mkdir -p .gitconfig/x'],
  ['a pipe', 'mkfifo .gitconfig'],
])('commits of an agent are by the user of the run where an earlier one left %s', async (_, leave) => {
  await inSandbox(`cd; rm -rf .gitconfig notes nowhere; ${leave}`)
  const { stdout } = await endOf((await hold(MADE_BY)).release())
  const { name, email } = AUTHOR
  expect(stdout).toBe(`${name} <${email}> ${name} <${email}>\n`)
  expect((await inSandbox('cd; cat notes 2>/dev/null || :')).stdout).not.toContain('user')
})

test('what the checkout, a variable or the agent itself says goes before that', async () => {
  const by = async (script: string, env = {}) => {
    const inRepository = `cd "$(mktemp -d)"; git init -q; ${script}; git log -1 --format='%an <%ae>'`
    return (await endOf((await hold(inRepository, { env })).release())).stdout.trim()
  }
  const commit = 'git commit -q --allow-empty -m x'
  expect(await by(`git config user.email bot@example.test; ${commit}`)).toBe(
    `${AUTHOR.name} <bot@example.test>`,
  )
  expect(await by(`${commit} --author 'Bot <bot@example.test>'`)).toBe('Bot <bot@example.test>')
  expect(await by(`git config --global user.name Bot; ${commit}`)).toBe(`Bot <${AUTHOR.email}>`)
  expect(await by(commit, { GIT_AUTHOR_NAME: 'Bot' })).toBe(`Bot <${AUTHOR.email}>`)
})

test('an agent does not see the variable its settings came in', async () => {
  expect((await endOf((await hold('env')).release())).stdout).not.toContain('HARNESS')
})
