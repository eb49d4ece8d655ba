/** What a newcomer does with a running instance: from an account to an agent's commit on a branch. */
import type { Run } from '../system/runs.ts'
import type { Client } from './client.ts'
import { shortened } from './curl-line.ts'
import { eventLine } from './event-line.ts'
import type { Printer } from './printer.ts'
import type { Project } from './project.ts'

export interface Tour {
  client: Client
  printer: Printer
  project: Project
}

const RUNS = '/api/v1/mogplex/runs'
const PASSWORD = 'a-long-password'
/** The stand-in takes any. */
const MODEL_KEYS = { anthropic: 'sk-ant-no-real-key', openai: 'sk-no-real-key' }

/** Throws at the first step that does not do what it should. */
export async function takeTour(tour: Tour): Promise<void> {
  await makeAccount(tour)
  const repoId = await importProject(tour)
  await runAgent(tour, 'Run Claude Code on it, and watch', {
    repoId,
    harness: 'claude-code',
    createBranch: true,
    prompt: 'Write a short AGENT.md',
  })
  await runAgent(tour, 'Now Codex, told what to do by a line the stand-in understands', {
    repoId,
    harness: 'codex',
    createBranch: true,
    prompt: 'Count the files\nshell: ls | wc -l > COUNT.md',
  })
  await listSandboxes(tour)
}

async function makeAccount({ client, printer }: Tour): Promise<void> {
  printer.step('Make an account and a token')
  const { user } = await client.ask<{ user: { id: string; email: string } }>(
    {
      method: 'POST',
      path: '/api/auth/sign-up/email',
      as: 'new-cookie',
      json: { email: 'you@example.com', password: PASSWORD, name: 'You' },
    },
    [PASSWORD],
  )
  printer.answer(`user ${user.id}, ${user.email}`)
  const { token } = await client.ask<{ token: string }>({
    method: 'POST',
    path: '/api/settings/api-keys',
    as: 'cookie',
    json: { name: 'demo' },
  })
  client.useToken(token)
  printer.answer(`TOKEN=${shortened(token)}`)

  printer.step('Store a key for each model provider, kept encrypted')
  for (const [provider, key] of Object.entries(MODEL_KEYS)) {
    const json = { provider, key }
    const stored = await client.ask({ method: 'PUT', path: '/api/settings/keys', as: 'cookie', json }, [key])
    printer.answer(JSON.stringify(stored))
  }
}

async function importProject({ client, printer, project }: Tour): Promise<string> {
  printer.step('Import a repository')
  project.show('log', '--oneline')
  const repo = await client.ask<{ id: string; default_branch: string }>({
    method: 'POST',
    path: '/api/repos',
    as: 'token',
    json: { provider: 'git', remote_url: project.path },
  })
  printer.answer(`repo ${repo.id}`)
  return repo.id
}

async function runAgent(
  { client, printer, project }: Tour,
  title: string,
  json: { repoId: string; harness: string; createBranch: boolean; prompt: string },
): Promise<void> {
  printer.step(title)
  const headers = { 'idempotency-key': `demo-${json.harness}` }
  type Accepted = { data: Run }
  const accepted = await client.ask<Accepted>({ method: 'POST', path: RUNS, as: 'token', json, headers })
  const { runId, branch } = accepted.data
  printer.answer(`run ${runId}\nbranch ${branch.working}`)

  const startedAtMs = Date.parse(accepted.data.createdAt)
  for await (const event of client.watch(`${RUNS}/${runId}/events`)) {
    const seconds = ((Date.parse(event.createdAt) - startedAtMs) / 1000).toFixed(1)
    printer.answer(`${seconds.padStart(5)} s  ${eventLine(event)}`)
  }

  type Found = { data: { run: Run } }
  const { run } = (await client.ask<Found>({ method: 'GET', path: `${RUNS}/${runId}`, as: 'token' })).data
  printer.answer(endOf(run))
  if (run.status !== 'success' || !run.delivery?.pushed)
    throw new Error(`the ${json.harness} run ended as ${run.status}: ${run.error ?? 'nothing was pushed'}`)
  project.show('log', '--oneline', '--all')
  project.show('show', '--stat', branch.working)
}

function endOf({ status, delivery, usage }: Run): string {
  const count = (figure: number | null | undefined) => figure?.toLocaleString('en') ?? 'unknown'
  // Of the two, only Claude Code says which model it used and what that would have cost.
  const cost =
    typeof usage?.costUsd === 'number' ? `$${usage.costUsd.toFixed(4)}, had it been real` : 'unknown'
  return [
    `status    ${status}`,
    `delivery  commit ${delivery?.commit?.slice(0, 7)}, ${delivery?.changedFiles} changed file(s), pushed: ${delivery?.pushed}`,
    `usage     ${count(usage?.inputTokens)} tokens in, ${count(usage?.outputTokens)} out; cost ${cost}`,
  ].join('\n')
}

async function listSandboxes({ client, printer }: Tour): Promise<void> {
  printer.step('See where they ran: a sandbox for each branch, paused, its files kept for the next run')
  type Answer = { data: { sandboxes: { id: string; status: string; working_branch: string }[] } }
  const { sandboxes } = (
    await client.ask<Answer>({ method: 'GET', path: '/api/v1/mogplex/sandboxes', as: 'token' })
  ).data
  for (const { id, status, working_branch } of sandboxes)
    printer.answer(`${id}  ${status}  ${working_branch}`)
}
