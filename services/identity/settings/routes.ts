/** `/api/settings` (identity spec 5). */
import { badRequest } from '@mogplex/kit/errors.ts'
import { readJsonObject } from '@mogplex/kit/http/json-body.ts'
import { type RequestContext, userIdOf } from '@mogplex/kit/http/request-context.ts'
import type { Settings } from '@mogplex/proto/wire/settings.ts'
import { Elysia } from 'elysia'
import type { IdentityKit } from '../environment.ts'
import { changeSettings, readSettings, type SettingsChange, type Theme } from './settings.ts'

const THEMES: readonly Theme[] = ['dark', 'light', 'system']
const YEAR_SECONDS = 31_536_000

export function settingsRoutes({ context, database, config, pokeOutbox }: IdentityKit) {
  return new Elysia({ name: 'settings' })
    .use(context)
    .get('/api/settings', async ({ context: from }) => {
      const { defaultModel, theme } = await readSettings(database, userIdOf(from), config.DEFAULT_MODEL_ID)
      return Response.json({ default_model: defaultModel, theme } satisfies Settings, {
        headers: themeCookie(from, theme),
      })
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

function readChange({ theme, default_model: defaultModel }: Record<string, unknown>): SettingsChange {
  if (theme === undefined && defaultModel === undefined) {
    throw badRequest('theme or default_model: at least one is needed')
  }
  const change: SettingsChange = {}
  if (theme !== undefined) {
    const known = THEMES.find(name => name === theme)
    if (!known) throw badRequest(`theme: must be one of ${THEMES.join(', ')}`, { field: 'theme' })
    change.theme = known
  }
  if (defaultModel !== undefined) {
    if (defaultModel !== null && typeof defaultModel !== 'string') {
      throw badRequest('default_model: must be a string or null', { field: 'default_model' })
    }
    change.defaultModel = defaultModel
  }
  return change
}
