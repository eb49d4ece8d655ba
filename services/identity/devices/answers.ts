/** What the gateway asks about browsers before it counts a sign-in. */
import { type Answer, answer } from '@mogplex/kit/bus/answer.ts'
import { resolveDevice } from '@mogplex/proto/identity.ts'
import type { IdentityKit } from '../environment.ts'
import { findUserByEmail } from '../users/store.ts'
import { isDeviceOf } from './device-cookie.ts'

export function deviceAnswers({ database, devices }: IdentityKit): Answer[] {
  return [
    answer(resolveDevice, async ({ cookie, email }) => {
      const device = await devices.read(cookie, new Date())
      // Nothing is looked up for a cookie that we did not make.
      if (!device) return { deviceId: null }
      const user = await findUserByEmail(database, email)
      return { deviceId: isDeviceOf(device, user) ? device.jti : null }
    }),
  ]
}
