/** States in which a run can leave its checkout. Each script runs in the sandbox, line by line, by the echo harness. */

export interface LeftBehind {
  name: string
  /** Directives of the run that leaves it. */
  script: string[]
  /** How that run ends. Cancelled: by us, once it has said `ready`. */
  ends: 'failed' | 'cancelled' | 'success'
  mode?: 'SAFE'
  /** What must be kept of it, content by path; empty when there is nothing to keep. */
  kept: Record<string, string>
}

const COMMIT = 'git -c user.name=Agent -c user.email=agent@example.com commit -q'
const FAIL = 'fail the model gave up'

function failed(name: string, kept: Record<string, string>, ...script: string[]): LeftBehind {
  return { name, script: [...script, FAIL], ends: 'failed', kept }
}

/** A file of the failed run that is there in most of them. */
const LEFT = { 'left.txt': 'left over\n' }
const WRITE_LEFT = 'write left.txt left over'

export const LEFT_BEHIND: LeftBehind[] = [
  { name: 'nothing', script: ['say nothing to do'], ends: 'success', kept: {} },
  failed(
    'changed and new files',
    { ...LEFT, 'README.md': 'changed\n', 'deep/er/file.txt': 'deep\n' },
    WRITE_LEFT,
    'write README.md changed',
    'write deep/er/file.txt deep',
  ),
  failed('a commit', LEFT, WRITE_LEFT, `run git add -A && ${COMMIT} -m work`),
  failed(
    'a commit and files on top of it',
    { ...LEFT, 'more.txt': 'more\n' },
    WRITE_LEFT,
    `run git add -A && ${COMMIT} -m work`,
    'write more.txt more',
  ),
  failed(
    'a commit that no branch has',
    LEFT,
    'run git checkout -q --detach',
    WRITE_LEFT,
    `run git add -A && ${COMMIT} -m work`,
  ),
  failed(
    'another branch with a commit',
    LEFT,
    'run git checkout -q -b elsewhere',
    WRITE_LEFT,
    `run git add -A && ${COMMIT} -m work`,
  ),
  failed(
    'a rebase in the middle of a conflict',
    {},
    'run git checkout -q -b side',
    'write README.md theirs',
    `run ${COMMIT} -a -m theirs; git checkout -q -`,
    'write README.md ours',
    `run ${COMMIT} -a -m ours; git -c user.name=A -c user.email=a@example.com rebase side; true`,
  ),
  failed('a damaged index', LEFT, WRITE_LEFT, 'run printf damaged > .git/index'),
  failed('no .git any more', LEFT, WRITE_LEFT, 'run rm -rf .git'),
  failed('a .git that is a file', LEFT, WRITE_LEFT, 'run rm -rf .git; echo gitdir: /nowhere > .git'),
  failed('no objects', LEFT, WRITE_LEFT, 'run rm -rf .git/objects/*'),
  failed(
    'the locks of a git that was killed',
    LEFT,
    WRITE_LEFT,
    'run touch .git/index.lock .git/HEAD.lock .git/config.lock .git/packed-refs.lock; find .git/refs -type f -exec cp {} {}.lock \\;',
  ),
  failed(
    'a nested repository',
    LEFT,
    WRITE_LEFT,
    `run git init -q nested; echo inner > nested/inner.txt; cd nested; git add -A; ${COMMIT} -m inner`,
  ),
  failed('everything deleted', {}, 'run git rm -rq . && git add -A'),
  {
    name: 'files of a cancelled run',
    script: [WRITE_LEFT, 'say ready', 'sleep 60000'],
    ends: 'cancelled',
    kept: LEFT,
  },
  { name: 'files of a SAFE run', script: [WRITE_LEFT], ends: 'success', mode: 'SAFE', kept: LEFT },
]
