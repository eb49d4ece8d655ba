import { onSubmit, send, showFault } from './forms.js'

const OPTIONAL = ['name', 'signupCode']

/** The link that the start prints has the code behind its #, which no server gets to see; nor shall the history. */
const code = new URLSearchParams(location.hash.slice(1)).get('code')
const codeInput = document.querySelector('[name="signupCode"]')
if (code !== null) {
  history.replaceState(null, '', location.pathname + location.search)
  if (codeInput instanceof HTMLInputElement) codeInput.value = code
}

const form = document.querySelector('form[data-endpoint]')
if (form instanceof HTMLFormElement) {
  onSubmit(form, async () => {
    const fields = Object.fromEntries(
      [...new FormData(form)].filter(([name, value]) => !OPTIONAL.includes(name) || value !== ''),
    )
    const answer = await send('POST', form.dataset.endpoint ?? '', fields)
    if (answer.ok) location.assign(answer.body.next)
    else showFault(form, answer)
  })
}

/** To GitHub and back it goes in a cookie of this site: an address would show it there. */
document.querySelector('a[data-github]')?.addEventListener('click', () => {
  if (!(codeInput instanceof HTMLInputElement) || codeInput.value === '') return
  const secure = location.protocol === 'https:' ? '; Secure' : ''
  const value = encodeURIComponent(codeInput.value.trim())
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store is not there without https
  document.cookie = `mogplex_oauth_signup_code=${value}; SameSite=Lax; Path=/api/auth; Max-Age=600${secure}`
})
