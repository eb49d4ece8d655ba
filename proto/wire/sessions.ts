/** Signing in and out, and one's sessions (identity spec 2). */
import { type Static, Type } from '@sinclair/typebox'
import { answers, type Descriptions } from './describe.ts'
import { Done, Instant, nullable, optionalText, Uuid } from './values.ts'

export const User = Type.Object(
  { id: Uuid, email: nullable(Type.String()), name: nullable(Type.String()) },
  { title: 'User' },
)
export type User = Static<typeof User>

export const CurrentSession = nullable(
  Type.Object({
    session: nullable(Type.Object({ id: Uuid, expiresAt: Instant }), { description: 'Null for a token.' }),
    user: User,
  }),
)
export type CurrentSession = Static<typeof CurrentSession>

export const Session = Type.Object(
  {
    id: Uuid,
    createdAt: Instant,
    lastSeenAt: Instant,
    expiresAt: Instant,
    ip: nullable(Type.String()),
    userAgent: nullable(Type.String()),
    current: Type.Boolean({ description: 'The one this request was made in.' }),
  },
  { title: 'Session' },
)
export type Session = Static<typeof Session>

/** In code points, as people count them. */
export const PASSWORD_CHARS = { min: 10, max: 128 }
/** Of a person, after trimming. */
export const MAX_PERSON_NAME = 100

const Password = Type.String({ minLength: PASSWORD_CHARS.min, maxLength: PASSWORD_CHARS.max })
const Next = optionalText({
  description: 'A path of this server to go to; others are left out of the answer.',
})
const signedIn = answers(
  'Signed in: the session is in the cookie.',
  Type.Object({ user: User, next: Type.String() }),
)
const OFF = 'Answers 404 where the operator has switched passwords off.'

export const SESSION_ROUTES: Descriptions = {
  'GET /api/auth/providers': {
    operationId: 'listSignInWays',
    tag: 'sessions',
    summary: 'How one can sign in here',
    answers: answers(
      'What is open.',
      Type.Object({ password: Type.Boolean(), github: Type.Boolean(), signUp: Type.Boolean() }),
    ),
  },
  'GET /api/auth/get-session': {
    operationId: 'getSession',
    tag: 'sessions',
    summary: 'Who is calling',
    answers: answers('The caller, or null for nobody.', CurrentSession),
  },
  'POST /api/auth/sign-up/email': {
    operationId: 'signUp',
    tag: 'sessions',
    summary: 'Make an account and sign in',
    description: `${OFF} Answers 403 where sign-up is closed, and for a first account without the code it needs.`,
    body: Type.Object({
      email: Type.String(),
      password: Password,
      name: Type.Optional(Type.String({ minLength: 1, maxLength: MAX_PERSON_NAME })),
      signupCode: optionalText({
        description:
          'What the start of the instance prints. The first account needs it, unless it is made on the same machine.',
      }),
      next: Next,
    }),
    answers: signedIn,
    errors: [403, 404, 409],
  },
  'POST /api/auth/sign-in/email': {
    operationId: 'signIn',
    tag: 'sessions',
    summary: 'Sign in with a password',
    description: `${OFF} A wrong password and an unknown address are the same 401.`,
    body: Type.Object({
      email: Type.String({ minLength: 1 }),
      password: Type.String({ minLength: 1 }),
      next: Next,
    }),
    answers: signedIn,
    errors: [403, 404],
  },
  'POST /api/auth/sign-out': {
    operationId: 'signOut',
    tag: 'sessions',
    summary: 'End this session',
    answers: answers('The cookie is gone.', Done),
    errors: [403],
  },
  'GET /api/auth/logout': {
    operationId: 'signOutByLink',
    tag: 'sessions',
    summary: 'End this session and go to the sign-in page',
    answers: { 302: { description: 'To /login.' } },
  },
  'POST /api/auth/logout': {
    operationId: 'signOutAlias',
    tag: 'sessions',
    summary: 'End this session',
    answers: answers('The cookie is gone.', Done),
    errors: [403],
  },
  'GET /api/auth/sessions': {
    operationId: 'listSessions',
    tag: 'sessions',
    summary: 'Where you are signed in',
    answers: answers('Live sessions.', Type.Object({ sessions: Type.Array(Session) })),
  },
  'DELETE /api/auth/sessions/:id': {
    operationId: 'endSession',
    tag: 'sessions',
    summary: 'Sign out somewhere',
    answers: answers('It has ended.', Done),
  },
  'POST /api/auth/password': {
    operationId: 'changePassword',
    tag: 'sessions',
    summary: 'Change or set the password',
    description: `${OFF} Ends all other sessions. Wrong current passwords are counted, and answered 429 beyond that.`,
    body: Type.Object({
      currentPassword: Type.Optional(
        Type.String({ minLength: 1, description: 'Needed where there is one.' }),
      ),
      newPassword: Password,
    }),
    answers: answers('It is changed.', Done),
    errors: [404],
  },
}
