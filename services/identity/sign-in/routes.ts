/** Sign-up, sign-in and the password (identity spec 2). */
import { badRequest, notFound } from '@mogplex/kit/errors.ts'
import { readJsonObject } from '@mogplex/kit/http/json-body.ts'
import { check } from '@mogplex/kit/validation.ts'
import { MAX_PERSON_NAME } from '@mogplex/proto/wire/sessions.ts'
import { Type } from '@sinclair/typebox'
import { Elysia } from 'elysia'
import { requesterOf } from '../audit/entry.ts'
import type { User } from '../database/schema.ts'
import type { IdentityKit } from '../environment.ts'
import { isGithubConfigured } from '../github/oauth-client.ts'
import { originOf } from '../sessions/origin.ts'
import { presentUser } from '../users/present.ts'
import { changePassword } from './change-password.ts'
import { emailFault, normalizeEmail } from './email.ts'
import { safeNextPath } from './next-path.ts'
import { passwordFault } from './password-hash.ts'
import { signIn } from './sign-in.ts'
import { isSignUpOpen, signUp } from './sign-up.ts'

const Next = Type.Optional(
  Type.Union([Type.String(), Type.Null()], { errorMessage: 'next: must be a string' }),
)
const SignUpBody = Type.Object({
  email: Type.String(),
  password: Type.String(),
  name: Type.Optional(Type.String()),
  signupCode: Type.Optional(
    Type.Union([Type.String(), Type.Null()], { errorMessage: 'signupCode: must be a string' }),
  ),
  next: Next,
})
const SignInBody = Type.Object({
  email: Type.String({ minLength: 1 }),
  password: Type.String({ minLength: 1 }),
  next: Next,
})
const PasswordBody = Type.Object({
  currentPassword: Type.Optional(Type.String({ minLength: 1 })),
  newPassword: Type.String(),
})

export function signInRoutes(kit: IdentityKit) {
  const { config, context, devices } = kit
  const requirePasswords = () => {
    if (config.AUTH_PASSWORD === 'off') throw notFound('Password sign-in is off on this instance')
  }
  return new Elysia({ name: 'sign-in' })
    .use(context)
    .get('/api/auth/providers', async () => ({
      password: config.AUTH_PASSWORD === 'on',
      github: isGithubConfigured(config),
      signUp: await isSignUpOpen(kit),
    }))
    .post('/api/auth/sign-up/email', async ({ context: from, request }) => {
      requirePasswords()
      const { next, code, ...account } = readSignUp(await readJsonObject(request))
      const { requestId, isLocal } = from
      const [origin, now] = [originOf(request, from.clientIp), new Date()]
      const asked = { ...account, proof: { isLocal, code }, origin, requestId }
      const { user, cookie } = await signUp(kit, asked, now)
      kit.pokeOutbox()
      return signedIn(user, next, [cookie, await devices.make(user.id, now)])
    })
    .post('/api/auth/sign-in/email', async ({ context: { requestId, clientIp }, request }) => {
      requirePasswords()
      const { email, password, next } = check(SignInBody, await readJsonObject(request))
      const [origin, now] = [originOf(request, clientIp), new Date()]
      const device = await devices.read(devices.find(request.headers.get('cookie')), now)
      const { user, cookie } = await signIn(kit, { email, password, device, origin, requestId }, now)
      kit.pokeOutbox()
      return signedIn(user, next, [cookie, await devices.make(user.id, now)])
    })
    .post('/api/auth/password', async ({ context: from, request }) => {
      requirePasswords()
      const { userId, origin } = requesterOf(from, request)
      const { currentPassword, newPassword } = check(PasswordBody, await readJsonObject(request))
      refuse('newPassword', passwordFault(newPassword))
      const sessionId = from.caller.sid ?? null
      const cookies = await changePassword(
        kit,
        { userId, sessionId, origin, currentPassword, newPassword },
        new Date(),
      )
      return Response.json({ ok: true }, { headers: settingCookies(cookies) })
    })
}

function readSignUp(body: Record<string, unknown>) {
  const { password, next, signupCode, ...given } = check(SignUpBody, body)
  const email = normalizeEmail(given.email)
  refuse('email', emailFault(email))
  refuse('password', passwordFault(password))
  const name = given.name?.trim() ?? null
  const nameChars = name === null ? 1 : [...name].length
  if (nameChars < 1 || nameChars > MAX_PERSON_NAME) {
    refuse('name', `must have 1 to ${MAX_PERSON_NAME} characters`)
  }
  return { email, password, name, next, code: signupCode ?? null }
}

function refuse(field: string, fault: string | null): void {
  if (fault !== null) throw badRequest(`${field}: ${fault}`, { field })
}

function signedIn(user: User, next: string | null | undefined, cookies: string[]): Response {
  const body = { user: presentUser(user), next: safeNextPath(next) }
  return Response.json(body, { headers: settingCookies(cookies) })
}

function settingCookies(cookies: readonly string[]): [string, string][] {
  return cookies.map(cookie => ['set-cookie', cookie])
}
