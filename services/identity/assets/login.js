import { onSubmit, send, showFault } from './forms.js'

const form = document.querySelector('form[data-endpoint]')
if (form instanceof HTMLFormElement) {
  onSubmit(form, async () => {
    const fields = Object.fromEntries(
      [...new FormData(form)].filter(([name, value]) => name !== 'name' || value !== ''),
    )
    const answer = await send('POST', form.dataset.endpoint ?? '', fields)
    if (answer.ok) location.assign(answer.body.next)
    else showFault(form, answer)
  })
}
