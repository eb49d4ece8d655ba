import { faultOf, send } from './forms.js'

/** @param {string} selector @returns {any} */
const find = (selector, within = document) => within.querySelector(selector)

const grant = find('#grant')
const { consent, callback, nonce, userId, email } = grant.dataset

/** How long the command line may take to answer. */
const DELIVERY_LIMIT_MS = 10_000

/** @type {{token: string, keyId: string, expiresAt: string | null} | null} Nowhere but here. */
let minted = null

/** @param {string} name */
function show(name) {
  for (const step of grant.querySelectorAll('[data-step]')) step.hidden = step.dataset.step !== name
  find(`[data-step="${name}"]`).focus()
}

/** @param {string} step @param {string} text */
function complain(step, text) {
  const notice = find(`[data-step="${step}"] [data-notice]`)
  notice.textContent = text
  if (text !== '') notice.focus()
}

/** To the command line; true when it took it. @param {unknown} message */
async function deliver(message) {
  try {
    const response = await fetch(callback, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(message),
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(DELIVERY_LIMIT_MS),
    })
    return response.ok
  } catch {
    return false
  }
}

async function deliverToken() {
  const { token, expiresAt } = minted ?? {}
  const user = { id: userId, email: email || null }
  if (!(await deliver({ token, nonce, expiresAt, user }))) return show('undelivered')
  minted = null
  show('delivered')
}

/** One thing at a time. @param {string} selector @param {() => Promise<void>} work */
function onClick(selector, work) {
  find(selector).addEventListener('click', async () => {
    const buttons = grant.querySelectorAll('button')
    for (const button of buttons) button.disabled = true
    try {
      await work()
    } finally {
      for (const button of buttons) button.disabled = false
    }
  })
}

onClick('[data-allow]', async () => {
  complain('ask', '')
  const answer = await send('POST', '/api/auth/cli/approve', { consent })
  if (!answer.ok) return complain('ask', faultOf(answer))
  minted = answer.body
  await deliverToken()
})

onClick('[data-cancel]', async () => {
  complain('ask', '')
  const answer = await send('POST', '/api/auth/cli/deny', { consent })
  if (!answer.ok) return complain('ask', faultOf(answer))
  // If it is gone it does not need to be told.
  await deliver({ error: 'access_denied', nonce })
  show('denied')
})

onClick('[data-retry]', deliverToken)

onClick('[data-revoke]', async () => {
  const answer = await send('DELETE', `/api/settings/api-keys/${minted?.keyId}`)
  if (!answer.ok && answer.status !== 404) return complain('undelivered', faultOf(answer))
  minted = null
  await deliver({ error: 'access_denied', nonce })
  show('denied')
})
