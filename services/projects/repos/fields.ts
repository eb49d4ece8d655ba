/** The fields of a repo as a client writes them (projects spec 2.1). A 400 names the field. */
import { badRequest } from '@mogplex/kit/errors.ts'
import { isValidGitRef } from '@mogplex/kit/git-ref.ts'
import { numberOf } from '../launch-config/number.ts'
import { readRepoLifetime } from '../launch-config/timeouts.ts'
import { type Credential, readCredential } from '../remotes/credential.ts'
import { readRootDirectory } from './root-directory.ts'
import { readSandboxEnvVars } from './sandbox-env-vars.ts'

const RUNTIMES = ['node22', 'node24', 'python3.13']
const MAX_COMMAND = 2_000
const DEFAULT_PORT = 3_000
const MAX_PORT = 65_535
const NAME_PART = /^[A-Za-z0-9_.-]{1,100}$/

export type Body = Record<string, unknown>

/** What a client may set of a repo, beside where it comes from and lies. */
export interface RepoSettings {
  rootDirectory: string | null
  installCommand: string | null
  devCommand: string | null
  devPort: number
  devPortAuto: boolean
  sandboxTimeoutMs: number | null
  runtime: string | null
  envSyncMode: string
  isFavorite: boolean
  isHidden: boolean
}

/** Every setting with the name it has on the wire. */
const SETTINGS = {
  rootDirectory: 'root_directory',
  installCommand: 'install_command',
  devCommand: 'dev_command',
  devPort: 'dev_port',
  devPortAuto: 'dev_port_auto',
  sandboxTimeoutMs: 'sandbox_timeout_ms',
  runtime: 'runtime',
  envSyncMode: 'env_sync_mode',
  isFavorite: 'is_favorite',
  isHidden: 'is_hidden',
} as const satisfies Record<keyof RepoSettings, string>

/** All settings; those that are absent have their defaults. */
export function readSettings(body: Body): RepoSettings {
  return {
    rootDirectory: readRootDirectory(body.root_directory),
    installCommand: readCommand(body, 'install_command'),
    devCommand: readCommand(body, 'dev_command'),
    devPort: readPort(body.dev_port),
    devPortAuto: readPortAuto(body.dev_port_auto),
    sandboxTimeoutMs: readRepoLifetime(body.sandbox_timeout_ms),
    runtime: RUNTIMES.find(name => name === body.runtime) ?? null,
    envSyncMode: body.env_sync_mode === 'sandbox-and-preview' ? body.env_sync_mode : 'sandbox-only',
    isFavorite: Boolean(body.is_favorite),
    isHidden: Boolean(body.is_hidden),
  }
}

/** What a PATCH asks for; an absent member stays as it is. */
export interface RepoChange {
  settings: Partial<RepoSettings>
  defaultBranch?: string
  workspaceId?: string
  remoteUrl?: string
  /** Null clears the stored one. */
  credential?: Credential | null
  sandboxEnvVars?: Record<string, string>
}

/** 400 too when the body has no field that can be changed. */
export function readRepoChange(body: Body): RepoChange {
  const has = (name: string) => body[name] !== undefined
  const all = readSettings(body)
  const present = Object.entries(SETTINGS).filter(([, wireName]) => has(wireName))
  const change: RepoChange = { settings: pick(all, new Set(present.map(([key]) => key))) }
  if (has('default_branch')) change.defaultBranch = readBranch(body.default_branch) ?? 'main'
  if (has('workspace_id')) change.workspaceId = readWorkspaceId(body.workspace_id) ?? missingWorkspace()
  if (has('remote_url')) change.remoteUrl = readRemoteUrl(body.remote_url)
  if (has('credential')) change.credential = readCredential(body.credential)
  if (has('sandbox_env_vars')) change.sandboxEnvVars = readSandboxEnvVars(body.sandbox_env_vars)
  if (present.length === 0 && Object.keys(change).length === 1)
    throw badRequest('The body holds no field of a repo that can be changed')
  return change
}

/** Wire names of the settings in which `wanted` differs from `current`. */
export function changedSettings(current: RepoSettings, wanted: Partial<RepoSettings>): string[] {
  const merged = { ...current, ...wanted }
  return Object.entries(SETTINGS)
    .filter(([key]) => merged[key as keyof RepoSettings] !== current[key as keyof RepoSettings])
    .map(([, wireName]) => wireName)
}

function pick(all: RepoSettings, keys: Set<string>): Partial<RepoSettings> {
  return Object.fromEntries(Object.entries(all).filter(([key]) => keys.has(key)))
}

/** Null when blank or absent. */
export function readBranch(value: unknown): string | null {
  if (value === undefined || value === null) return null
  const branch = typeof value === 'string' ? value.trim() : undefined
  if (branch === '') return null
  if (branch === undefined || !isValidGitRef(branch))
    throw wrong('default_branch', 'is not a valid branch name')
  return branch
}

/** Null when blank or absent. Whether it exists is the store's question: what is no id is not found. */
export function readWorkspaceId(value: unknown): string | null {
  if (value === undefined || value === null) return null
  if (typeof value !== 'string') throw wrong('workspace_id', 'must be a text')
  return value.trim() === '' ? null : value.trim()
}

function missingWorkspace(): never {
  throw wrong('workspace_id', 'must not be empty')
}

export function readRemoteUrl(value: unknown): string {
  if (typeof value !== 'string' || value.trim() === '') throw wrong('remote_url', 'is required')
  return value
}

/** `owner/name`; null when blank or absent. */
export function readFullName(value: unknown): string | null {
  if (value === undefined || value === null) return null
  const text = typeof value === 'string' ? value.trim() : undefined
  if (text === '') return null
  const parts = text?.split('/') ?? []
  const isValid = parts.length === 2 && parts.every(part => NAME_PART.test(part) && !/^\.{1,2}$/.test(part))
  if (text === undefined || !isValid) {
    throw wrong(
      'full_name',
      'must be owner/name, each of 1 to 100 letters, digits, "_", "." or "-", neither "." nor ".."',
    )
  }
  return text
}

function readCommand(body: Body, field: 'install_command' | 'dev_command'): string | null {
  const value = body[field]
  const command = typeof value === 'string' ? value.trim() : ''
  if (command.length > MAX_COMMAND) throw wrong(field, `must have at most ${MAX_COMMAND} characters`)
  return command === '' ? null : command
}

function readPort(value: unknown): number {
  const port = Math.floor(numberOf(value))
  return port >= 1 && port <= MAX_PORT ? port : DEFAULT_PORT
}

/** Anything but a clear no is a yes. */
function readPortAuto(value: unknown): boolean {
  return typeof value === 'string' ? value.trim().toLowerCase() !== 'false' : value !== false
}

function wrong(field: string, reason: string) {
  return badRequest(`${field}: ${reason}`, { field })
}
