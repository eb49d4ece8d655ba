/** The scripts of the pages, as they lie beside this file. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Elysia } from 'elysia'
import type { IdentityKit } from '../environment.ts'

const scripts = new Map(
  readdirSync(import.meta.dir)
    .filter(name => name.endsWith('.js'))
    .map(name => [name, readFileSync(join(import.meta.dir, name), 'utf8')]),
)

const versions = Object.fromEntries([...scripts].map(([name, text]) => [name, Bun.hash(text).toString(36)]))

const headers = {
  'content-type': 'text/javascript; charset=utf-8',
  // Modules import each other without a version, so a browser has to ask; the answer is mostly 304.
  'cache-control': 'no-cache',
}

/** One route a script: `/assets/<name>`. */
export function assetRoutes({ context }: Pick<IdentityKit, 'context'>) {
  const app = new Elysia({ name: 'assets' }).use(context)
  for (const [name, text] of scripts) {
    const etag = `"${versions[name]}"`
    app.get(`/assets/${name}`, ({ request }) =>
      request.headers.get('if-none-match') === etag
        ? new Response(null, { status: 304, headers: { ...headers, etag } })
        : new Response(text, { headers: { ...headers, etag } }),
    )
  }
  return app
}
