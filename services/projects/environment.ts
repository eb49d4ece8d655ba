/** Projects' own settings, beside those every service has (projects spec 9). */
import type { ServiceKit } from '@mogplex/kit/boot/service.ts'
import { ConfigError } from '@mogplex/kit/config.ts'
import { Type } from '@sinclair/typebox'
import type { Github } from './github/github.ts'
import { GithubSettings } from './github/settings.ts'
import type { RemoteRules } from './remotes/vet-remote.ts'

const flag = (description: string) =>
  Type.Unsafe<'true' | 'false'>(Type.String({ pattern: '^(true|false)$', default: 'false', description }))

export const ProjectsSettings = Type.Object({
  ...GithubSettings.properties,
  LOCAL_GIT_ROOTS: Type.String({
    default: '',
    description: 'colon-separated directories local repositories may lie in; empty: none may',
  }),
  GIT_ALLOW_PRIVATE_HOSTS: flag('true: remotes may be hosts of the own network'),
  GIT_ALLOW_HTTP: flag('true: remotes may be http:// without encryption'),
})

interface RemoteSettings {
  LOCAL_GIT_ROOTS: string
  GIT_ALLOW_PRIVATE_HOSTS: 'true' | 'false'
  GIT_ALLOW_HTTP: 'true' | 'false'
}

/** Which remotes this instance takes. */
export function remoteRules(settings: RemoteSettings): RemoteRules {
  const localRoots = settings.LOCAL_GIT_ROOTS.split(':').filter(root => root !== '')
  if (localRoots.some(root => !root.startsWith('/')))
    throw new ConfigError('LOCAL_GIT_ROOTS: must be absolute paths, separated by colons')
  return {
    allowHttp: settings.GIT_ALLOW_HTTP === 'true',
    allowPrivateHosts: settings.GIT_ALLOW_PRIVATE_HOSTS === 'true',
    localRoots,
  }
}

/** What the service brings along. */
export type ProjectsBase = ServiceKit<typeof ProjectsSettings>

/** What every feature of projects is built from. */
export interface ProjectsKit extends ProjectsBase {
  github: Github
  /** Does queued syncs soon; call after a commit that queued one. */
  pokeSyncs: () => void
}

/** On whose behalf something is changed, and by which request; both go into the events. */
export interface Owner {
  userId: string
  requestId: string
}
