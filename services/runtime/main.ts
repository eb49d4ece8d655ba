/** The runtime process: runs, sandboxes, events. */
import { bootService } from '@mogplex/kit/boot/service.ts'
import { runtimeService } from './service.ts'

await bootService(runtimeService)
