/** Sandboxes as v1 sends them (v1 contract 7.5, schemas `Sandbox` and `SandboxLogs`). */
import type * as wire from '@mogplex/proto/wire/sandboxes.ts'
import type { Sandbox, sandboxLifecycleEvents } from '../database/schema.ts'
import { redactMessage } from '../events/redact.ts'
import { sanitisePayload, sanitiseText } from '../events/sanitise.ts'

const MAX_LOG_LENGTH = 256 * 1024

export function presentSandbox(sandbox: Sandbox): wire.Sandbox {
  return {
    id: sandbox.id,
    sandbox_id: sandbox.sandboxId,
    repo_id: sandbox.repoId,
    status: sandbox.status,
    base_branch: sandbox.baseBranch,
    working_branch: sandbox.workingBranch,
    root_directory: sandbox.rootDirectory,
    preview_url: sandbox.previewUrl,
    created_at: sandbox.createdAt.toISOString(),
    last_active_at: sandbox.lastActiveAt.toISOString(),
    error: sandbox.error === null ? null : sanitiseText(sandbox.error),
  }
}

/** With the last 256 Ki characters of each log. */
export function presentSandboxWithLogs(sandbox: Sandbox): wire.SandboxWithLogs {
  return {
    ...presentSandbox(sandbox),
    install_log: presentLog(sandbox.installLog),
    dev_log: presentLog(sandbox.devLog),
  }
}

function presentLog(text: string | null): string | null {
  return text === null ? null : redactMessage(text).slice(-MAX_LOG_LENGTH).toWellFormed()
}

export function presentLifecycleEvent(
  event: typeof sandboxLifecycleEvents.$inferSelect,
): wire.LifecycleEvent {
  return {
    id: event.id,
    event_type: event.eventType,
    decision_code: event.decisionCode,
    worker_run_id: event.workerRunId,
    payload: sanitisePayload(event.payload),
    created_at: event.createdAt.toISOString(),
  }
}
