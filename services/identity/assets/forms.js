/**
 * Forms that talk to the API: what was typed stays, a fault is shown where it is and read out, the focus goes
 * there.
 */

/**
 * Sends JSON to a route of this server.
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<{ok: boolean, status: number, body: any, retryAfterSeconds: number | null}>}
 */
export async function send(method, path, body) {
  try {
    const response = await fetch(path, {
      method,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const retryAfter = Number.parseInt(response.headers.get('retry-after') ?? '', 10)
    return {
      ok: response.ok,
      status: response.status,
      body: await response.json().catch(() => ({})),
      retryAfterSeconds: Number.isNaN(retryAfter) ? null : retryAfter,
    }
  } catch {
    return { ok: false, status: 0, body: {}, retryAfterSeconds: null }
  }
}

/**
 * What to tell a person about an answer that was not good.
 * @param {Awaited<ReturnType<typeof send>>} answer
 */
export function faultOf({ status, body, retryAfterSeconds }) {
  if (status === 0) return 'The server cannot be reached. Check the connection and try again.'
  if (status === 429) return `Too many tries. Try again in ${inWords(retryAfterSeconds ?? 60)}.`
  if (status === 503) return 'The server cannot answer at the moment. Try again soon.'
  if (status >= 500) return 'Something went wrong on the server. Try again.'
  const text = typeof body.error === 'string' ? body.error : 'That did not work.'
  return body.field && text.startsWith(`${body.field}: `) ? sentence(text.slice(body.field.length + 2)) : text
}

/** @param {number} seconds */
function inWords(seconds) {
  if (seconds < 90) return `${seconds} second${seconds === 1 ? '' : 's'}`
  return `${Math.ceil(seconds / 60)} minutes`
}

/** @param {string} text */
function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${text.endsWith('.') ? '' : '.'}`
}

/**
 * Shows a fault at its field, or above the form when it belongs to none, and moves the focus there.
 * @param {HTMLFormElement} form
 * @param {Awaited<ReturnType<typeof send>>} answer
 */
export function showFault(form, answer) {
  const name = answer.status === 409 ? conflictingField(answer.body.error) : answer.body.field
  const input = name ? form.querySelector(`[name="${CSS.escape(name)}"]`) : null
  const text = faultOf(answer)
  if (!(input instanceof HTMLElement)) {
    const notice = form.querySelector('[data-notice]')
    if (!(notice instanceof HTMLElement)) return
    notice.textContent = text
    notice.focus()
    return
  }
  const fault = document.createElement('p')
  fault.className = 'fault'
  fault.id = `${input.id}-fault`
  fault.textContent = answer.status === 409 ? sentence(text.replace(/^\w+: /, '')) : text
  input.closest('.field, fieldset')?.append(fault)
  input.setAttribute('aria-invalid', 'true')
  input.setAttribute('aria-describedby', fault.id)
  input.focus()
}

/** @param {unknown} error */
function conflictingField(error) {
  return /^(\w+): /.exec(String(error))?.[1]
}

/** @param {HTMLFormElement} form */
export function clearFaults(form) {
  for (const fault of form.querySelectorAll('.fault')) fault.remove()
  for (const input of form.querySelectorAll('[aria-invalid]')) {
    input.removeAttribute('aria-invalid')
    input.removeAttribute('aria-describedby')
  }
  const notice = form.querySelector('[data-notice]')
  if (notice) notice.textContent = ''
}

/**
 * Sends a form when it is submitted, once at a time.
 * @param {HTMLFormElement} form
 * @param {() => Promise<void>} work
 */
export function onSubmit(form, work) {
  form.addEventListener('submit', async event => {
    event.preventDefault()
    const button = form.querySelector('button[type="submit"]')
    if (!(button instanceof HTMLButtonElement) || button.disabled) return
    button.disabled = true
    clearFaults(form)
    try {
      await work()
    } finally {
      button.disabled = false
    }
  })
}
