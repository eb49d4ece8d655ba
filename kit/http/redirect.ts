/** Sending a browser elsewhere. */

/** Whatever a header cannot hold, or only as bytes that browsers read in different ways. */
const NOT_IN_A_HEADER = /[^\x21-\x7e]+/g

/**
 * 302 to `location`, which may hold any characters: those that a URL has to escape are. Whether it is a place to send
 * somebody is for the caller to know.
 *
 * @example
 * redirect('/projects/é') // Location: /projects/%C3%A9
 */
export function redirect(location: string, cookies: readonly string[] = []): Response {
  const escaped = location.toWellFormed().replace(NOT_IN_A_HEADER, encodeURIComponent)
  const headers = new Headers({ location: escaped })
  for (const cookie of cookies) headers.append('set-cookie', cookie)
  return new Response(null, { status: 302, headers })
}
