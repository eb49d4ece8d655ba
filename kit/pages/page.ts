/** What all pages have alike: the frame, the stylesheet, the answer they are sent in. */
import { type Html, type HtmlValue, html } from './html.ts'
import { STYLESHEET_PATH } from './stylesheet.ts'

/** `system`: what the reader's device is set to. */
export type Theme = 'dark' | 'light' | 'system'

export interface PageParts {
  /** Of the document; the product's name is added. */
  title: string
  theme?: Theme
  /** Paths of further stylesheets of ours. */
  stylesheets?: readonly string[]
  /** Paths of scripts of ours, modules. */
  scripts?: readonly string[]
  /** The person who is signed in, and can sign out here. */
  account?: string
  /** A narrow page holds one form or message. */
  width?: 'narrow' | 'wide'
  body: HtmlValue
}

const MARK = html`<svg class="mark" viewBox="0 0 24 24" width="24" height="24" aria-hidden="true">
  <rect x="2" y="3" width="20" height="5" rx="2.5"/><rect x="2" y="10" width="13" height="5" rx="2.5" opacity=".75"/><rect x="2" y="17" width="17" height="5" rx="2.5" opacity=".5"/></svg>`

/** A whole document. */
export function renderPage(parts: PageParts): Html {
  const { title, theme = 'system', stylesheets = [], scripts = [], account, width, body } = parts
  return html`<!doctype html>
<html lang="en" data-theme="${theme}">
<head>
<meta charset="utf-8">
<title>${title} · Mogplex</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${STYLESHEET_PATH}">
${stylesheets.map(path => html`<link rel="stylesheet" href="${path}">\n`)}${scripts.map(path => html`<script type="module" src="${path}"></script>\n`)}</head>
<body>
<a class="skip" href="#content">Skip to content</a>
<header class="top">
<a class="brand" href="/">${MARK}<span>Mogplex</span></a>
${account && html`<div class="account"><span class="who">${account}</span><a href="/api/auth/logout">Sign out</a></div>`}
</header>
<main id="content" class="${width ?? 'narrow'}" tabindex="-1">
${body}
</main>
</body>
</html>
`
}

/** The answer that carries a page. */
export function pageResponse(page: Html, { status = 200, headers = {} }: ResponseInit = {}): Response {
  const all = new Headers(headers)
  all.set('content-type', 'text/html; charset=utf-8')
  return new Response(page.text, { status, headers: all })
}

const HEADINGS: Record<number, string> = {
  400: 'This link does not work',
  401: 'You are not signed in',
  403: 'Not with this credential',
  404: 'There is no such page',
  429: 'Too many requests',
  503: 'Something is not answering',
}

/** A small page that says what went wrong (gateway spec 11). */
export function renderErrorPage(status: number, message: string): Html {
  const heading = HEADINGS[status] ?? (status < 500 ? 'That did not work' : 'Something went wrong')
  const body = html`<section class="card"><p class="status">${status}</p><h1>${heading}</h1><p>${message}</p><p><a href="/">Go to the start page</a></p></section>`
  return renderPage({ title: heading, body })
}

/** True for the paths people open: all that is neither the API's nor a probe's. */
export function isPagePath(path: string): boolean {
  return !/^\/(?:api|rpc)(?:\/|$)|^\/(?:healthz|readyz)$/.test(path)
}

/**
 * What a page may load: its own stylesheet, its own scripts, answers of this server and of `connectTo`; and
 * nobody may put it into a frame (gateway spec 10).
 */
export function contentSecurityPolicy(connectTo: readonly string[] = []): string {
  const connect = ["'self'", ...connectTo].join(' ')
  return [
    ...["default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self' data:"],
    ...[`connect-src ${connect}`, "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"],
  ].join('; ')
}
