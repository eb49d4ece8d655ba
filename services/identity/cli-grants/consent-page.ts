/** The page that asks whether a command line may have a token (identity spec 10). */
import { type Html, html } from '@mogplex/kit/pages/html.ts'
import { renderPage } from '@mogplex/kit/pages/page.ts'
import type { User } from '../database/schema.ts'
import type { GrantRequest } from './request.ts'

export interface ConsentView {
  /** Signed. */
  consent: string
  request: GrantRequest
  user: User
  ttlDays: number
}

/** `cli-auth.js` brings it to life; one section is shown at a time. */
export function renderConsent({ consent, request, user, ttlDays }: ConsentView): Html {
  const { callback, nonce, name } = request
  const account = user.email ?? user.name ?? user.githubUsername ?? 'Your account'
  const body = html`<section class="card" id="grant" data-consent="${consent}" data-callback="${callback}" data-nonce="${nonce}" data-user-id="${user.id}" data-email="${user.email}">
<div data-step="ask">
<h1>Let a command line in?</h1>
<p class="lead">A program on this machine asks for an access token of yours.</p>
<noscript><p class="notice bad">This page needs JavaScript to hand the token over.</p></noscript>
<dl class="facts">
<dt>Account</dt><dd>${account}</dd>
<dt>Token</dt><dd>CLI: ${name}</dd>
<dt>May</dt><dd>read and write</dd>
<dt>Expires</dt><dd>in ${ttlDays} ${ttlDays === 1 ? 'day' : 'days'}</dd>
<dt>Goes to</dt><dd><code>${new URL(callback).host}</code></dd>
</dl>
<p class="hint">Only allow this if you have just started it yourself.</p>
<p class="notice bad" data-notice role="alert" tabindex="-1"></p>
<p class="actions"><button type="button" data-allow>Allow</button><button type="button" class="plain" data-cancel>Cancel</button></p>
</div>
<div data-step="delivered" hidden tabindex="-1" role="status">
<h1>You are signed in</h1>
<p>The command line has its token. You can close this tab.</p>
</div>
<div data-step="undelivered" hidden tabindex="-1" role="alert">
<h1>The command line does not answer</h1>
<p>Nothing listens at <code>${new URL(callback).host}</code>, or the browser was not allowed to ask there. Is the program still waiting in your terminal?</p>
<p class="notice bad" data-notice role="alert" tabindex="-1"></p>
<p class="actions"><button type="button" data-retry>Retry</button><button type="button" class="plain" data-revoke>Cancel and revoke the token</button></p>
</div>
<div data-step="denied" hidden tabindex="-1" role="status">
<h1>Nothing was handed over</h1>
<p>The command line got no token. You can close this tab.</p>
</div>
</section>`
  return renderPage({
    title: 'Command line',
    theme: user.theme,
    scripts: ['/assets/cli-auth.js'],
    account,
    body,
  })
}
