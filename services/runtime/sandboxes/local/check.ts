/** Finds out whether this host lets us build sandboxes, by building one. */
import type { SandboxProvider } from '../provider.ts'

const NAMESPACE_HINT =
  'The kernel refuses the namespaces they are made of. As an unprivileged user this takes user namespaces: ' +
  'sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces above 0, and on Ubuntu ' +
  'kernel.apparmor_restrict_unprivileged_userns=0 or an AppArmor profile for bwrap. In a container it ' +
  'takes one that is allowed to create namespaces.'

/** Throws an Error that says what the host lacks. */
export async function checkByTrying(provider: SandboxProvider): Promise<void> {
  const sandboxId = await provider.create(crypto.randomUUID())
  try {
    const probe = await provider.start(sandboxId, { argv: ['true'], network: 'egress' })
    const [stderr, exit] = await Promise.all([new Response(probe.stderr).text(), probe.exited])
    if (exit.exitCode === 0) return
    const isRefusal = /namespace|uid map|Operation not permitted|Permission denied/i.test(stderr)
    throw new Error(`Sandboxes do not work here: ${stderr.trim()}${isRefusal ? `\n${NAMESPACE_HINT}` : ''}`)
  } finally {
    await provider.destroy(sandboxId)
  }
}
