/** Finds out whether this host lets us build sandboxes, by building one. */
import type { SandboxProvider } from '../provider.ts'

const NAMESPACE_HINT =
  'The kernel refuses the namespaces they are made of. As an unprivileged user this takes user namespaces: ' +
  'sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0, and on Ubuntu ' +
  'kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for bwrap. In a container it ' +
  'takes one that is allowed to create namespaces.'

const FILES_HINT =
  'Agents run as a user of their own, who must be able to read this installation: chmod -R go+rX on its ' +
  'directory and on node_modules in it.'

/** Throws an Error that says what the host lacks. */
export async function checkByTrying(provider: SandboxProvider): Promise<void> {
  const sandboxId = await provider.create(crypto.randomUUID())
  try {
    const probe = await provider.start(sandboxId, { argv: ['true'], network: 'egress' })
    const [stderr, exit] = await Promise.all([new Response(probe.stderr).text(), probe.exited])
    if (exit.exitCode === 0) return
    throw new Error(`Sandboxes do not work here: ${stderr.trim()}\n${hintFor(stderr)}`.trim())
  } finally {
    await provider.destroy(sandboxId)
  }
}

function hintFor(stderr: string): string {
  if (stderr.includes('/run/mogplex/')) return FILES_HINT
  return /namespace|uid map|not permitted|Permission denied/i.test(stderr) ? NAMESPACE_HINT : ''
}
