/** Which errors a route answers with, and in which envelope (gateway spec 1, 11; v1 contract 1). */
import { type TSchema, Type } from '@sinclair/typebox'
import { type ErrorCode, isV1Path, STATUS_BY_CODE } from '../errors.ts'
import type { Route } from '../routes.ts'
import type { RouteDescription } from '../wire/describe.ts'
import { oneOf } from '../wire/values.ts'

const CODES = Object.keys(STATUS_BY_CODE) as ErrorCode[]
const V1_CODES = [
  ...(['BAD_REQUEST', 'UNAUTHORIZED', 'FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'IDEMPOTENCY_CONFLICT'] as const),
  ...(['RATE_LIMITED', 'INTERNAL_ERROR', 'SERVICE_UNAVAILABLE'] as const),
]
const Message = Type.String({ minLength: 1, description: 'For people; names the field at fault.' })

export const V1Error = Type.Object(
  {
    ok: Type.Literal(false),
    error: Type.Object({ code: oneOf(V1_CODES, { title: 'V1ErrorCode' }), message: Message }),
  },
  { title: 'V1Error', additionalProperties: false },
)
export const InternalError = Type.Object(
  {
    error: Message,
    code: oneOf(CODES, { title: 'ErrorCode' }),
    field: Type.Optional(Type.String({ description: 'The field at fault.' })),
  },
  { title: 'Error', description: 'May hold further details, a limit for example.' },
)

/** The envelope of every error below `path`. */
export function errorSchema(path: string): TSchema {
  return isV1Path(path) ? V1Error : InternalError
}

const MEANINGS: Record<number, string> = {
  400: 'The request is malformed; the message says where.',
  401: 'No valid credential.',
  403: 'The credential is good but not for this: another kind, another scope, another origin.',
  404: 'Unknown, or somebody else’s.',
  409: 'The state of things forbids it.',
  413: 'The body is larger than 1 MiB.',
  429: 'A limit is used up.',
  500: 'Unexpected; the message names no cause.',
  503: 'Something this needs does not answer.',
}

/** Status to meaning, in order. */
export function errorsOf(route: Route, { body, errors = [] }: RouteDescription): Map<number, string> {
  const takesCredential = route.access !== 'public'
  const statuses = new Set<number>([
    ...errors,
    ...(takesCredential ? [401] : []),
    ...(takesCredential && route.access !== 'cron' ? [403] : []),
    // A malformed id makes the path malformed.
    ...(route.path.includes(':') ? [400, 404] : []),
    ...(body ? [400] : []),
    ...(route.method === 'GET' ? [] : [413]),
    ...[429, 500, 503],
  ])
  if (route.bucket === 'sign-in') statuses.add(401)
  const sorted = [...statuses].toSorted((a, b) => a - b)
  return new Map(sorted.map(status => [status, MEANINGS[status] ?? '']))
}
