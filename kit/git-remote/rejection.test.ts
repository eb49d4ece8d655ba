import { expect, test } from 'bun:test'
import { adviseOnRejection } from './rejection.ts'

/** Porcelain reason, what the host says, what a person reads. */
const ROWS: [string, string, RegExp, RegExp][] = [
  [
    'protected branch hook declined',
    'error: GH006: Protected branch update failed for refs/heads/x.',
    /is protected/,
    /another branch/,
  ],
  [
    'pre-receive hook declined',
    'GitLab: You are not allowed to push code to protected branches on this project.',
    /is protected/,
    /another branch/,
  ],
  [
    'protected branch hook declined',
    'error: GH006: Protected branch update failed. error: Commits must have verified signatures.',
    /signed commits only/,
    /unsigned/,
  ],
  [
    'pre-receive hook declined',
    'GitLab: Commit must be signed with a GPG key',
    /signed commits only/,
    /unsigned/,
  ],
  [
    'push declined due to email privacy restrictions',
    'error: GH007: Your push would publish a private email address.',
    /keeps private/,
    /noreply/,
  ],
  [
    'pre-receive hook declined',
    "GitLab: Committer's email 'a@b' does not follow the pattern '@corp'",
    /author or committer/,
    /settings/,
  ],
  [
    'pre-receive hook declined',
    'error: GH001: Large files detected. You may want to try Git Large File Storage',
    /too large/,
    /LFS/,
  ],
  [
    'pre-receive hook declined',
    'GitLab: File "a.bin" is larger than the allowed size of 10 MiB',
    /too large/,
    /LFS/,
  ],
  [
    'pre-receive hook declined',
    'GitLab: Your push to this repository would cause it to exceed the allocated storage',
    /storage is full/,
    /limit/,
  ],
  ['unpacker error', 'fatal: write error: No space left on device', /storage is full/, /limit/],
  [
    'pre-receive hook declined',
    "GitLab: Branch name 'x' does not follow the pattern '^feature/'",
    /of this name/,
    /naming rules/,
  ],
  [
    'push declined due to repository rule violations',
    'error: GH013: Repository rule violations found for refs/heads/x.',
    /rule of the repository/,
    /rules/,
  ],
  [
    'push declined due to repository rule violations',
    'error: GH013 Repository rule violations. Push cannot contain secrets',
    /secret/,
    /removed/,
  ],
  [
    'branch is currently checked out',
    'error: refusing to update checked out branch: refs/heads/x',
    /checked out in a work tree/,
    /switch/,
  ],
  ['shallow update not allowed', '', /shallow clone/, /--unshallow/],
  [
    'failed to update ref',
    "error: cannot lock ref 'refs/heads/d/e': 'refs/heads/d' exists; cannot create 'refs/heads/d/e'",
    /stands in the way/,
    /another name/,
  ],
  [
    'unpacker error',
    'error: insufficient permission for adding an object to repository database ./objects',
    /cannot be written/,
    /account/,
  ],
  [
    'pre-receive hook declined',
    'no deploys on Fridays',
    /a hook of the remote declined it/,
    /see what the hook says/,
  ],
  ['something new', '', /^something new$/, /remote says/],
]

test.each(ROWS)('%s (%p)', (rejection, said, meaning, remedy) => {
  const advice = adviseOnRejection(rejection, said.split('\n'))
  expect(advice.meaning).toMatch(meaning)
  expect(advice.remedy).toMatch(remedy)
})
