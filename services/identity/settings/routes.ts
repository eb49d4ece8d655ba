/** `/api/settings` (identity spec 5). */
import { badRequest } from '@mogplex/kit/errors.ts'
import { readJsonObject } from '@mogplex/kit/http/json-body.ts'
import { type RequestContext, userIdOf } from '@mogplex/kit/http/request-context.ts'
import type { Settings } from '@mogplex/proto/wire/settings.ts'
import { Elysia } from 'elysia'
import type { IdentityKit } from '../environment.ts'
import { commitEmailFault, commitNameFault } from './commit-identity.ts'
import {
  changeSettings,
  type EffectiveSettings,
  readSettings,
  type SettingsChange,
  type Theme,
} from './settings.ts'

const THEMES: readonly Theme[] = ['dark', 'light', 'system']
const YEAR_SECONDS = 31_536_000

export function settingsRoutes({ context, database, config, pokeOutbox }: IdentityKit) {
  return new Elysia({ name: 'settings' })
    .use(context)
    .get('/api/settings', async ({ context: from }) => {
      const settings = await readSettings(database, userIdOf(from), config.DEFAULT_MODEL_ID)
      return Response.json(presentSettings(settings), { headers: themeCookie(from, settings.theme) })
    })
    .patch('/api/settings', async ({ context: from, request }) => {
      const owner = { userId: userIdOf(from), requestId: from.requestId }
      const change = readChange(await readJsonObject(request))
      await changeSettings(database, owner, change)
      pokeOutbox()
      return Response.json({ ok: true }, { headers: themeCookie(from, change.theme) })
    })
}

/** Pages read the theme before any script runs; a token's caller has no pages. */
function themeCookie({ caller }: RequestContext, theme: Theme | undefined): Record<string, string> {
  if (theme === undefined || (caller.amr !== 'session' && caller.amr !== 'test')) return {}
  return { 'set-cookie': `mogplex-theme=${theme}; Path=/; SameSite=Lax; Max-Age=${YEAR_SECONDS}` }
}

function presentSettings({ defaultModel, theme, commitIdentity }: EffectiveSettings): Settings {
  const { name, email } = commitIdentity
  return { default_model: defaultModel, theme, commit_name: name, commit_email: email }
}

/** Absent fields stay absent; all are looked at before anything is saved. */
function readChange(body: Record<string, unknown>): SettingsChange {
  const { theme, default_model: defaultModel, commit_name: commitName, commit_email: commitEmail } = body
  const change: SettingsChange = {
    ...(theme === undefined ? {} : { theme: readTheme(theme) }),
    ...(defaultModel === undefined ? {} : { defaultModel: readTextOrNull('default_model', defaultModel) }),
    ...(commitName === undefined
      ? {}
      : { commitName: readCommitText('commit_name', commitName, commitNameFault) }),
    ...(commitEmail === undefined
      ? {}
      : { commitEmail: readCommitText('commit_email', commitEmail, commitEmailFault) }),
  }
  if (Object.keys(change).length === 0) {
    throw badRequest('theme, default_model, commit_name or commit_email: at least one is needed')
  }
  return change
}

function readTheme(theme: unknown): Theme {
  const known = THEMES.find(name => name === theme)
  if (!known) throw badRequest(`theme: must be one of ${THEMES.join(', ')}`, { field: 'theme' })
  return known
}

function readTextOrNull(field: string, value: unknown): string | null {
  if (value === null || typeof value === 'string') return value
  throw badRequest(`${field}: must be a string or null`, { field })
}

/** Trimmed. `faultOf` says what is wrong with a text, to follow the field's name. */
function readCommitText(
  field: string,
  value: unknown,
  faultOf: (text: string) => string | null,
): string | null {
  const text = readTextOrNull(field, value)?.trim() ?? null
  const fault = text === null ? null : faultOf(text)
  if (fault) throw badRequest(`${field}: ${fault}`, { field })
  return text
}
