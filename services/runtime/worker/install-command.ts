/**
 * The repo's own install command, in the run's root directory: once per checkout, and again with other inputs or
 * after an end that was none (`install-process.ts`). For runs a failure is only a warning (runtime
 * spec 2, item 2): the agent can see and mend it.
 */
import { createPace } from '@mogplex/kit/pace.ts'
import { eq } from 'drizzle-orm'
import { sandboxes } from '../database/schema.ts'
import { redactExcerpt } from '../events/redact.ts'
import { cutMargin } from '../events/secret-texts.ts'
import { MAX_LINE_LENGTH, readLines } from '../harnesses/lines.ts'
import { stageEvent } from './event-mapping.ts'
import { startInstallCommand } from './install-process.ts'
import { LastLines } from './last-lines.ts'
import type { PrepareContext } from './prepare.ts'

const STEP_LIMIT_MS = 180_000
const KEPT_LOG_LENGTH = 256 * 1024

export async function runInstallCommand(context: PrepareContext, sandboxId: string): Promise<void> {
  const { claim, inputs, secrets, lease, writer, deps } = context
  const { installCommand, env } = inputs.launchConfig
  if (!installCommand) return
  await writer.add([stageEvent('sandbox', 'Running the install command')])
  const install = { command: installCommand, rootDirectory: claim.run.rootDirectory }
  const place = { provider: deps.provider, sandboxId, env, author: inputs.author }
  const child = await startInstallCommand(install, place)
  const stop = () => void child.stop(0)
  const timer = setTimeout(stop, STEP_LIMIT_MS)
  lease.signal.addEventListener('abort', stop)
  if (lease.signal.aborted) stop()
  const kept = new LastLines(KEPT_LOG_LENGTH)
  const pace = createPace()
  const keep = async (stream: ReadableStream<Uint8Array>) => {
    const maxLength = MAX_LINE_LENGTH + cutMargin(secrets)
    for await (const { text } of readLines(stream, { maxLength })) {
      kept.add(text)
      await pace()
    }
  }
  await Promise.all([keep(child.stdout), keep(child.stderr)])
  const exit = await child.exited
  clearTimeout(timer)
  lease.signal.removeEventListener('abort', stop)
  const lines: string[] = []
  for (const line of kept.all()) {
    lines.push(`${redactExcerpt(line, MAX_LINE_LENGTH, secrets).text}\n`)
    await pace()
  }
  const installLog = lines.join('').slice(-KEPT_LOG_LENGTH)
  await deps.database.update(sandboxes).set({ installLog }).where(eq(sandboxes.id, claim.sandbox.id))
  if (exit.exitCode !== 0) {
    const how = exit.exitCode === null ? 'was stopped' : `ended with exit code ${exit.exitCode}`
    await writer.add([
      stageEvent('sandbox', `The install command ${how}`, { level: 'warning', exit_code: exit.exitCode }),
    ])
  }
}
