/** The fields of `POST /runs`, one by one, with their exact messages (v1 contract 6, 7.8). */
import { badRequest } from '@mogplex/kit/errors.ts'
import { isValidGitRef } from '@mogplex/kit/git-ref.ts'
import { RUN_LIMITS } from '@mogplex/proto/wire/runs.ts'
import type { HarnessId } from '../harnesses/harness.ts'
import { normalizeRootDirectory } from './root-directory.ts'

/** What the caller asked for, trimmed, with the defaults of the request; those of the repo come later. */
export interface StartRunFields {
  repoId: string
  prompt: string
  harness: HarnessId
  baseBranch: string | null
  workingBranch: string | null
  createBranch: boolean
  /** Missing: the repo's stored root; null: the repository's root. */
  rootDirectory?: string | null
  conversationId: string | null
  workspaceSessionId: string | null
  mode: string | null
  /** Missing: `aside`. */
  leftovers?: 'aside' | 'resume'
}

/** The trimmed `Idempotency-Key` (v1 contract 4). */
export function readIdempotencyKey(headers: Headers): string {
  const key = headers.get('idempotency-key')?.trim()
  if (!key) throw badRequest('Idempotency-Key is required')
  if (key.length > RUN_LIMITS.key)
    throw badRequest('Idempotency-Key exceeds maximum length of 200 characters')
  return key
}

/** Throws 400 at the first fault; unknown fields are ignored. */
export function readStartRunFields(
  body: Record<string, unknown>,
  { isEchoEnabled }: { isEchoEnabled: boolean },
): StartRunFields {
  return {
    repoId: readRepoId(body.repoId),
    prompt: readPrompt(body.prompt),
    harness: readHarness(body.harness, isEchoEnabled),
    baseBranch: readBranch(body.baseBranch, 'Invalid base branch'),
    workingBranch: readBranch(body.workingBranch, 'Invalid working branch'),
    createBranch: readCreateBranch(body.createBranch),
    ...readRootDirectory(body),
    conversationId: readOpaque(body, 'conversationId', RUN_LIMITS.opaque),
    workspaceSessionId: readOpaque(body, 'workspaceSessionId', RUN_LIMITS.opaque),
    mode: readOpaque(body, 'mode', RUN_LIMITS.mode),
    ...readLeftovers(body.leftovers),
  }
}

function readRepoId(value: unknown): string {
  const repoId = typeof value === 'string' ? value.trim() : ''
  if (!repoId) throw badRequest('repoId is required')
  return repoId
}

function readPrompt(value: unknown): string {
  const prompt = typeof value === 'string' ? value.trim() : ''
  if (!prompt) throw badRequest('Prompt is required')
  // Counted only where it matters: characters are code points, and there are never more than units.
  if (prompt.length > RUN_LIMITS.prompt && [...prompt].length > RUN_LIMITS.prompt)
    throw badRequest('Prompt is too long')
  return prompt
}

function readHarness(value: unknown, isEchoEnabled: boolean): HarnessId {
  const harness = typeof value === 'string' ? value.trim() : (value ?? '')
  if (harness === '') return 'codex'
  if (harness === 'codex' || harness === 'claude-code') return harness
  if (harness === 'echo' && isEchoEnabled) return harness
  throw badRequest('Invalid harness')
}

function readBranch(value: unknown, message: string): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw badRequest(message)
  const branch = value.trim()
  if (branch === '') return null
  if (!isValidGitRef(branch)) throw badRequest(message)
  return branch
}

function readCreateBranch(value: unknown): boolean {
  if (value === undefined || value === null) return false
  if (typeof value !== 'boolean') throw badRequest('createBranch must be a boolean')
  return value
}

function readRootDirectory(body: Record<string, unknown>): Pick<StartRunFields, 'rootDirectory'> {
  const { rootDirectory } = body
  if (rootDirectory === undefined) return {}
  if (rootDirectory === null) return { rootDirectory }
  const normal = typeof rootDirectory === 'string' ? normalizeRootDirectory(rootDirectory) : undefined
  if (normal === undefined) throw badRequest('Invalid root directory')
  return { rootDirectory: normal }
}

/** Only what was given is part of the request's hash (spec README, 45). */
function readLeftovers(value: unknown): Pick<StartRunFields, 'leftovers'> {
  if (value === undefined || value === null) return {}
  if (value !== 'aside' && value !== 'resume') throw badRequest('leftovers must be "aside" or "resume"')
  return { leftovers: value }
}

function readOpaque(body: Record<string, unknown>, field: string, maxLength: number): string | null {
  const value = body[field]
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw badRequest(`${field} must be a string`)
  const text = value.trim()
  if ([...text].length > maxLength) throw badRequest(`${field} must be at most ${maxLength} characters`)
  return text === '' ? null : text
}
