/**
 * A sign-in page answers every address with 200 and looks like an empty repository to git; or it is where everybody
 * is redirected to. What the server really sent is in git's trace of headers, for which it has to be asked again.
 */

/** Added to git's environment; the trace comes on stderr, with credentials blotted out by git. */
export const TRACE_HEADERS: Readonly<Record<string, string>> = {
  GIT_TRACE_CURL: '1',
  GIT_TRACE_CURL_NO_DATA: '1',
  GIT_TRACE_REDACT: '1',
}

const SERVED_BY_GIT = /^(?:application\/x-git|text\/plain|application\/octet-stream)/i

/** Whether the last answer in `trace` is a page for people, or leads to one: git's own redirects keep the path. */
export function isWebPage(trace: string): boolean {
  const header = (name: string) =>
    [...trace.matchAll(new RegExp(`<= Recv header: ${name}: *(\\S+)`, 'gi'))].at(-1)?.[1]
  const location = header('location')
  if (location !== undefined) return !/\/(?:info\/refs|git-(?:upload|receive)-pack)(?:$|[?#])/.test(location)
  const type = header('content-type')
  return type !== undefined && !SERVED_BY_GIT.test(type)
}
