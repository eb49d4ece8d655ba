/** Says of a directory what systemd says of a cgroup that it hands over, for tests. Linux. */
import { fromCLibrary } from '../processes/c-library.ts'

const NAME = 'user.delegate'

/** Throws where the file system keeps no such attributes. */
export function sayDelegated(directory: string, value: '0' | '1'): void {
  const { setxattr } = fromCLibrary({
    setxattr: { args: ['ptr', 'ptr', 'ptr', 'u64', 'i32'], returns: 'i32' },
  })
  const failed = setxattr(Buffer.from(`${directory}\0`), Buffer.from(`${NAME}\0`), Buffer.from(value), 1n, 0)
  if (failed) throw new Error(`${directory} takes no attribute`)
}
