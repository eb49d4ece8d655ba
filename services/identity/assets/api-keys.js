import { onSubmit, send, showFault } from './forms.js'

/** @param {string} selector @returns {any} */
const find = (selector, within = document) => within.querySelector(selector)

const ROUTE = '/api/settings/api-keys'
const create = find('#create')

onSubmit(create, async () => {
  const fields = new FormData(create)
  const days = String(fields.get('expiresInDays'))
  const answer = await send('POST', ROUTE, {
    name: fields.get('name'),
    scopes: fields.getAll('scopes'),
    expiresInDays: days === '' ? null : Number(days),
  })
  if (!answer.ok) return showFault(create, answer)
  create.reset()
  await showList()
  showToken(answer.body.token)
})

/** The only moment in which the token can be read. @param {string} token */
function showToken(token) {
  const panel = find('#created')
  find('[data-token]', panel).textContent = token
  find('[data-copied]', panel).textContent = ''
  panel.hidden = false
  panel.focus()
  panel.scrollIntoView({ block: 'nearest' })
}

find('[data-copy]').addEventListener('click', async () => {
  const token = find('[data-token]')
  try {
    await navigator.clipboard.writeText(token.textContent)
    find('[data-copied]').textContent = 'Copied.'
  } catch {
    // Without a secure origin a page may not write there: the person has to.
    getSelection()?.selectAllChildren(token)
    find('[data-copied]').textContent = 'Selected: copy it with your keyboard.'
  }
})

/** The list as the server renders it now. */
async function showList() {
  const response = await fetch(location.pathname, { headers: { accept: 'text/html' } })
  if (response.redirected || !response.ok) return location.reload()
  const page = new DOMParser().parseFromString(await response.text(), 'text/html')
  find('#tokens').replaceChildren(...find('#tokens', page).childNodes)
}

/** What a dialog that is open is about. */
let subject = { id: '', name: '' }

find('#tokens').addEventListener('click', event => {
  const button = event.target.closest('button')
  const dialog = button && find(button.hasAttribute('data-revoke') ? '#revoke' : '#rotate')
  if (!dialog) return
  const { id, name } = button.closest('tr').dataset
  subject = { id, name }
  find('[data-name]', dialog).textContent = name
  find('[data-notice]', dialog).textContent = ''
  dialog.showModal()
})

for (const dialog of document.querySelectorAll('dialog')) {
  find('[data-close]', dialog).addEventListener('click', () => dialog.close())
}

onSubmit(find('#revoke form'), async () => {
  const answer = await send('DELETE', `${ROUTE}/${subject.id}`)
  // Somebody else was first: it is revoked, which is what was wanted.
  if (!answer.ok && answer.status !== 404) return showFault(find('#revoke form'), answer)
  find('#revoke').close()
  await showList()
  find('#list-title').scrollIntoView({ block: 'nearest' })
})

onSubmit(find('#rotate form'), async () => {
  const form = find('#rotate form')
  const overlapHours = Number(new FormData(form).get('overlapHours'))
  const answer = await send('POST', `${ROUTE}/${subject.id}/rotate`, { overlapHours })
  if (!answer.ok) return showFault(form, answer)
  find('#rotate').close()
  await showList()
  showToken(answer.body.token)
})
