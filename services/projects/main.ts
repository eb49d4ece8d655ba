/** The projects process. */
import { bootService } from '@mogplex/kit/boot/service.ts'
import { projectsService } from './service.ts'

await bootService(projectsService)
