/** The identity process. */
import { bootService } from '@mogplex/kit/boot/service.ts'
import { identityService } from './service.ts'

await bootService(identityService)
