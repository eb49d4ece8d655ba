import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { html } from './html.ts'

test('text is escaped, markup of ours is not, and nothing leaves nothing behind', () => {
  const name = `<b>"Ada" & 'Bob'</b>`
  expect(
    html`<p title="${name}">${html`<i>${name}</i>`}${null}${undefined}${false}${[1, ' ', 2]}</p>`.text,
  ).toBe(
    '<p title="&lt;b&gt;&quot;Ada&quot; &amp; &#x27;Bob&#x27;&lt;/b&gt;"><i>&lt;b&gt;&quot;Ada&quot; &amp; &#x27;Bob&#x27;&lt;/b&gt;</i>1 2</p>',
  )
})

test('no text gets out of an element or a quoted attribute', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), text => {
      const inside = html`${text}`.text
      expect(inside).not.toMatch(/[<>"']/)
      expect(inside.replaceAll(/&(?:lt|gt|amp|quot|#x27);/g, '')).not.toContain('&')
    }),
  )
})
