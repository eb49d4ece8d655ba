/** `/settings/api-keys`: one's access tokens in a browser (identity spec 6). */

import { ApiError } from '@mogplex/kit/errors.ts'
import { userIdOf } from '@mogplex/kit/http/request-context.ts'
import { type Html, html } from '@mogplex/kit/pages/html.ts'
import { pageResponse, renderPage } from '@mogplex/kit/pages/page.ts'
import { Elysia } from 'elysia'
import type { User } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { findActiveUser } from '../users/store.ts'
import { type ListedKey, listKeys } from './store.ts'

export function keysPage({ context, database }: IdentityKit) {
  return new Elysia({ name: 'keys-page' })
    .use(context)
    .get('/settings/api-keys', async ({ context: from, request }) => {
      const user = await findActiveUser(database, userIdOf(from))
      if (!user) throw new ApiError('UNAUTHORIZED', 'Unauthorized')
      const notice = githubNotice(new URL(request.url).searchParams)
      return pageResponse(renderKeys(user, await listKeys(database, user.id), notice, new Date()))
    })
}

/** The page itself. `keys` as they are listed, newest first. */
export function renderKeys(user: User, keys: readonly ListedKey[], notice: Html | null, now: Date): Html {
  const body = html`${notice}<h1>Access tokens</h1>
<p class="lead">For scripts, command lines and MCP hosts: they act as you, within their scopes. What they can do stands in the <a href="/docs">description of the API</a>.</p>
<noscript><p class="notice bad">This page needs JavaScript to make and revoke tokens.</p></noscript>
<section class="card" id="created" hidden tabindex="-1" aria-labelledby="created-title">
<h2 id="created-title">Copy your new token now</h2>
<p>It is shown this once; only its first characters are kept in readable form.</p>
<div class="secret"><span class="token" data-token></span><button type="button" class="small" data-copy>Copy</button></div>
<p class="hint" role="status" data-copied></p>
</section>
${createForm()}
<section class="card" aria-labelledby="list-title">
<h2 id="list-title">Your tokens</h2>
<div id="tokens">${keys.length === 0 ? html`<p class="empty">None yet. Make the first one above.</p>` : keyTable(keys, now)}</div>
</section>
${dialogs()}`
  return renderPage({
    title: 'Access tokens',
    theme: user.theme,
    scripts: ['/assets/api-keys.js'],
    account: user.email ?? user.name ?? user.githubUsername ?? 'Signed in',
    width: 'wide',
    body,
  })
}

/** What a trip to GitHub came to, which ends on the start page (identity spec 3). */
function githubNotice(query: URLSearchParams): Html | null {
  const error = query.get('error')
  if (error !== null && /^[a-z][a-z_]{0,63}$/.test(error)) {
    return html`<p class="notice bad" role="status">Connecting GitHub did not work: ${error.replaceAll('_', ' ')}.</p>`
  }
  const isConnected = query.get('github') === 'connected'
  return isConnected ? html`<p class="notice good" role="status">Your GitHub account is connected.</p>` : null
}

function createForm(): Html {
  return html`<section class="card" aria-labelledby="create-title">
<h2 id="create-title">New token</h2>
<form id="create" novalidate>
<p class="notice bad" data-notice role="alert" tabindex="-1"></p>
<div class="fields">
<div class="field"><label for="name">Name</label>
<input id="name" name="name" maxlength="100" autocomplete="off" required placeholder="Nightly script"></div>
<div class="field"><label for="expiresInDays">Expires</label>
<select id="expiresInDays" name="expiresInDays">
<option value="30">in 30 days</option><option value="90" selected>in 90 days</option>
<option value="365">in a year</option><option value="">never</option></select></div>
</div>
<fieldset><legend>Scopes</legend>
<label for="scope-read"><input id="scope-read" type="checkbox" name="scopes" value="read" checked> read</label>
<label for="scope-write"><input id="scope-write" type="checkbox" name="scopes" value="write" checked> write</label>
</fieldset>
<button type="submit">Create token</button>
</form>
</section>`
}

function keyTable(keys: readonly ListedKey[], now: Date): Html {
  return html`<div class="table"><table>
<thead><tr><th scope="col">Name</th><th scope="col">Token</th><th scope="col">Scopes</th><th scope="col">Created</th><th scope="col">Last used</th><th scope="col">Expires</th><th scope="col"><span class="note">Actions</span></th></tr></thead>
<tbody>${keys.map(key => keyRow(key, now))}</tbody>
</table></div>`
}

function keyRow(key: ListedKey, now: Date): Html {
  const { id, name, tokenPrefix, scopes, createdAt, lastUsedAt, expiresAt } = key
  const isExpired = expiresAt !== null && expiresAt <= now
  const isReplaced = key.rotatedTo !== null
  const note = isReplaced
    ? 'replaced by a newer one'
    : key.rotatedFrom !== null
      ? 'replaces an older one'
      : null
  return html`<tr data-id="${id}" data-name="${name}">
<th scope="row">${name}${note && html`<span class="note">${note}</span>`}</th>
<td data-label="Token"><code>${tokenPrefix}…</code></td>
<td data-label="Scopes">${scopes.join(', ')}</td>
<td data-label="Created">${day(createdAt)}</td>
<td data-label="Last used">${lastUsedAt ? day(lastUsedAt) : 'never'}</td>
<td data-label="Expires">${isExpired ? html`expired ${day(expiresAt)}` : expiresAt ? day(expiresAt) : 'never'}</td>
<td class="buttons">${
    !(isExpired || isReplaced) &&
    html`<button type="button" class="plain small" data-rotate aria-label="Rotate ${name}">Rotate</button> `
  }<button type="button" class="plain small" data-revoke aria-label="Revoke ${name}">Revoke</button></td>
</tr>
`
}

function day(time: Date): Html {
  const text = time.toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone: 'UTC',
  })
  return html`<time datetime="${time.toISOString()}">${text}</time>`
}

function dialogs(): Html {
  return html`<dialog id="revoke" aria-labelledby="revoke-title"><form method="dialog" novalidate>
<h2 id="revoke-title">Revoke “<span data-name></span>”?</h2>
<p>Whatever uses it is refused from its next request on. This cannot be taken back.</p>
<p class="notice bad" data-notice role="alert" tabindex="-1"></p>
<div class="actions"><button type="submit" class="danger">Revoke</button><button type="button" class="plain" data-close>Cancel</button></div>
</form></dialog>
<dialog id="rotate" aria-labelledby="rotate-title"><form method="dialog" novalidate>
<h2 id="rotate-title">Rotate “<span data-name></span>”</h2>
<p>You get a new token with the same scopes. The old one goes on for a while, so that you can replace it.</p>
<p class="notice bad" data-notice role="alert" tabindex="-1"></p>
<div class="field"><label for="overlapHours">The old one ends</label>
<select id="overlapHours" name="overlapHours"><option value="0">at once</option><option value="1">in an hour</option>
<option value="24" selected>in a day</option><option value="168">in a week</option></select></div>
<div class="actions"><button type="submit">Rotate</button><button type="button" class="plain" data-close>Cancel</button></div>
</form></dialog>`
}
