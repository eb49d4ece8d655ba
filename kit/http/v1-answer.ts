/** The success envelope of the versioned surface (v1 contract 1); failures are thrown as `ApiError`. */

/** `{"ok":true,"data":…}`, never cached. */
export function v1Answer(data: Record<string, unknown>, status: 200 | 201 | 202 = 200): Response {
  return Response.json({ ok: true, data }, { status, headers: { 'cache-control': 'no-store' } })
}
