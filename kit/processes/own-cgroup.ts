/** Where this process lies in the tree of cgroup v2, and whether that part of the tree was handed over. Linux. */
import { readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fromCLibrary } from './c-library.ts'

/** Below a cgroup that is divided between sandboxes, the processes that were in it before. */
export const SERVICES_CGROUP = 'mogplex-services'

/** What a service manager writes to the cgroups it hands over. Only root may read the first one. */
const DELEGATE_ATTRIBUTES = ['trusted.delegate', 'user.delegate']

export interface OwnCgroup {
  /** Where the tree is mounted. */
  mountPoint: string
  /** The directory of this process; the one above where that is {@link SERVICES_CGROUP}. */
  directory: string
}

/**
 * `own`: contents of /proc/self/cgroup; `mounts`: of /proc/self/mountinfo. Null where version 2 is not mounted or
 * this process has no place in it. Throws only where there is no /proc.
 */
export function findOwnCgroup(
  own = readFileSync('/proc/self/cgroup', 'utf8'),
  mounts = readFileSync('/proc/self/mountinfo', 'utf8'),
): OwnCgroup | null {
  const mount = mounts
    .split('\n')
    .map(line => line.split(' - '))
    .find(([, type]) => type?.startsWith('cgroup2 '))?.[0]
    ?.split(' ')
  const [mountRoot, mountPoint] = [mount?.[3], mount?.[4]]
  const place = /^0::(\/.*)$/m.exec(own)?.[1]
  if (mountRoot === undefined || mountPoint === undefined || place === undefined) return null
  const below = mountRoot === '/' ? place : place.slice(mountRoot.length)
  const current = resolve(join(mountPoint, below))
  return { mountPoint, directory: basename(current) === SERVICES_CGROUP ? dirname(current) : current }
}

/**
 * Whether the machine's systemd has handed this directory over (`Delegate=yes`). False also when it cannot be read,
 * and of what the manager of an ordinary user has handed over: version 252 of that one marks nothing.
 */
export function isDelegated(directory: string): boolean {
  return DELEGATE_ATTRIBUTES.some(name => readAttribute(directory, name) === '1')
}

function readAttribute(path: string, name: string): string | null {
  const value = Buffer.alloc(16)
  const length = Number(getAttribute(text(path), text(name), value, BigInt(value.length)))
  return length < 0 ? null : value.toString('latin1', 0, length)
}

/** As C wants it. */
function text(value: string): Buffer {
  return Buffer.from(`${value}\0`)
}

type GetAttribute = (path: Buffer, name: Buffer, value: Buffer, size: bigint) => number | bigint

let loaded: GetAttribute | null = null

function getAttribute(...call: Parameters<GetAttribute>): number | bigint {
  loaded ??= fromCLibrary({ getxattr: { args: ['ptr', 'ptr', 'ptr', 'u64'], returns: 'i64' } }).getxattr
  return loaded(...call)
}
