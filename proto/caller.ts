/**
 * Who is calling, as the gateway asserts it to a service (gateway spec 9; design, "Assertion").
 */
import { type Static, Type } from '@sinclair/typebox'

export const Scope = Type.Union([Type.Literal('read'), Type.Literal('write')])
export type Scope = Static<typeof Scope>

/** How the caller proved who they are. `service`: a call between services, on behalf of `sub`. */
export const AuthenticationMethod = Type.Union([
  Type.Literal('pat'),
  Type.Literal('session'),
  Type.Literal('test'),
  Type.Literal('anonymous'),
  Type.Literal('webhook'),
  Type.Literal('cron'),
  Type.Literal('service'),
])
export type AuthenticationMethod = Static<typeof AuthenticationMethod>

/** The claims of `x-mogplex-identity` beyond the registered ones. Times are epoch seconds. */
export const AssertionClaims = Type.Object({
  iss: Type.String(),
  aud: Type.String(),
  sub: Type.Optional(Type.String()),
  amr: AuthenticationMethod,
  scp: Type.Array(Scope),
  pat: Type.Optional(Type.String()),
  sid: Type.Optional(Type.String()),
  iat: Type.Integer(),
  exp: Type.Integer(),
  jti: Type.String(),
})
export type AssertionClaims = Static<typeof AssertionClaims>

/** Header names on the hop from the gateway to a service; client-sent ones are stripped (gateway spec 9). */
export const IDENTITY_HEADER = 'x-mogplex-identity'
export const REQUEST_ID_HEADER = 'x-request-id'
/** The address the gateway took the request from; identity stores it with sessions. */
export const CLIENT_IP_HEADER = 'x-mogplex-client-ip'
/** `1` where the request was made on the gateway's own machine; only sent to identity for signing in. */
export const CLIENT_IS_LOCAL_HEADER = 'x-mogplex-client-is-local'

/** Of a browser that has signed in before; with `__Host-` before it on https. */
export const DEVICE_COOKIE = 'mogplex_device'

/** An assertion lives this long, and is reused by its signer until half of it is over. */
export const ASSERTION_LIFETIME_SECONDS = 60
