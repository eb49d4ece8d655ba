/** `/login`: where people say who they are (identity spec 10). */
import { redirect } from '@mogplex/kit/http/redirect.ts'
import { type Html, html } from '@mogplex/kit/pages/html.ts'
import { pageResponse, renderPage } from '@mogplex/kit/pages/page.ts'
import { Elysia } from 'elysia'
import type { IdentityConfig, IdentityKit } from '../environment.ts'
import { isGithubConfigured } from '../github/oauth-client.ts'
import { findActiveUser } from '../users/store.ts'
import { isOperator } from './first-sign-up.ts'
import { safeNextPath } from './next-path.ts'
import { isSignUpOpen } from './sign-up.ts'

/** What the page shows; texts may hold anything. */
export interface LoginView {
  hasPassword: boolean
  hasGithub: boolean
  /** Null: nobody may make an account. */
  signUp: 'offered' | 'shown' | 'first' | null
  /** The account needs the code that the start prints. */
  needsCode: boolean
  /** Where the person goes afterwards, safe. */
  next: string
  notice: { text: string; isBad: boolean } | null
}

export function loginPage(kit: IdentityKit) {
  const { config, context, database } = kit
  return new Elysia({ name: 'login-page' })
    .use(context)
    .get('/', ({ request }) => redirect(`/settings/api-keys${new URL(request.url).search}`))
    .get('/login', async ({ context: { caller, isLocal }, request }) => {
      const query = new URL(request.url).searchParams
      const next = safeNextPath(query.get('next'))
      const notice = noticeOf(query)
      const isSignedIn = caller.sub !== undefined && (await findActiveUser(database, caller.sub)) !== null
      if (isSignedIn && !query.has('error')) return redirect(next)
      const signUp = (await isSignUpOpen(kit)) ? signUpMode(config, query) : null
      const view = {
        hasPassword: config.AUTH_PASSWORD === 'on',
        hasGithub: isGithubConfigured(config),
        signUp,
        needsCode: signUp === 'first' && !isOperator(config, { isLocal, code: null }),
      }
      return pageResponse(renderLogin({ ...view, next, notice }))
    })
}

function signUpMode({ AUTH_SIGNUP }: IdentityConfig, query: URLSearchParams): LoginView['signUp'] {
  // While there is nobody, there is nobody who could sign in.
  if (AUTH_SIGNUP === 'first-user') return 'first'
  return query.get('mode') === 'sign-up' ? 'shown' : 'offered'
}

const ERROR_CODE = /^[a-z][a-z_]{0,63}$/

function noticeOf(query: URLSearchParams): LoginView['notice'] {
  const error = query.get('error')
  if (error !== null && ERROR_CODE.test(error)) {
    return { text: `Sign-in did not work: ${error.replaceAll('_', ' ')}.`, isBad: true }
  }
  if (query.get('expired') !== 'true') return null
  return { text: 'Your session expired. Sign in again to go on.', isBad: false }
}

/** The page itself. */
export function renderLogin(view: LoginView): Html {
  const { hasPassword, hasGithub, needsCode, notice } = view
  const isSignUp = isSignUpShown(view)
  const title = isSignUp ? 'Create an account' : 'Sign in'
  const body = html`<section class="card">
<h1>${title}</h1>
<p class="lead">${isSignUp ? 'It is kept on this instance only.' : 'To run coding agents on your repositories.'}</p>
${notice && html`<p class="notice ${notice.isBad && 'bad'}" role="status">${notice.text}</p>`}
<noscript><p class="notice bad">This page needs JavaScript to sign you in.</p></noscript>
${!hasPassword && hasGithub && needsCode && codeField()}
${hasGithub && html`<p><a class="button plain wide-button" data-github href="/api/auth/login/github?next=${encodeURIComponent(view.next)}">Continue with GitHub</a></p>`}
${hasGithub && hasPassword && html`<p class="or">or</p>`}
${hasPassword && passwordForm(view)}
${!(hasGithub || hasPassword) && html`<p class="notice bad">No way of signing in is switched on.</p>`}
</section>
${hasPassword && otherWay(view)}`
  return renderPage({ title, scripts: ['/assets/login.js'], body })
}

function isSignUpShown({ signUp }: LoginView): boolean {
  return signUp === 'shown' || signUp === 'first'
}

function passwordForm(view: LoginView): Html {
  const isSignUp = isSignUpShown(view)
  const endpoint = isSignUp ? '/api/auth/sign-up/email' : '/api/auth/sign-in/email'
  return html`<form data-endpoint="${endpoint}" method="post" action="${endpoint}" novalidate>
<p class="notice bad" data-notice role="alert" tabindex="-1"></p>
<input type="hidden" name="next" value="${view.next}">
${
  isSignUp &&
  html`<div class="field"><label for="name">Name <span class="hint">optional</span></label>
<input id="name" name="name" autocomplete="name" maxlength="100"></div>`
}
<div class="field"><label for="email">E-mail</label>
<input id="email" name="email" type="email" autocomplete="username" inputmode="email" required autofocus></div>
<div class="field"><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="${isSignUp ? 'new-password' : 'current-password'}" required>
${isSignUp && html`<p class="hint">At least 10 characters.</p>`}</div>
${isSignUp && view.needsCode && codeField()}
<button type="submit" class="wide-button">${isSignUp ? 'Create account' : 'Sign in'}</button>
</form>`
}

/** Filled in by the link that the start prints (`assets/login.js`). */
function codeField(): Html {
  return html`<div class="field"><label for="signup-code">Sign-up code</label>
<input id="signup-code" name="signupCode" autocomplete="off" autocapitalize="off" spellcheck="false" required>
<p class="hint">The start of this instance prints it, and <code>npm run admin -- signup-code</code> shows it again.</p></div>`
}

function otherWay({ signUp, next }: LoginView): Html | false {
  const query = `next=${encodeURIComponent(next)}`
  if (signUp === 'shown')
    return html`<p class="other">Have an account? <a href="/login?${query}">Sign in</a></p>`
  if (signUp !== 'offered') return false
  return html`<p class="other">New here? <a href="/login?mode=sign-up&${query}">Create an account</a></p>`
}
