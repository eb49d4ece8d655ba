/** A push the remote said no to: what that means and what a person can do about it. */

/** Both in lower case and without a full stop. */
export interface RejectionAdvice {
  meaning: string
  remedy: string
}

interface Known extends RejectionAdvice {
  /** In git's porcelain result. */
  reason?: RegExp
  /** In what the remote said about it: the texts and codes of well-known hosts. */
  words?: RegExp
}

const KNOWN: readonly Known[] = [
  {
    reason: /currently checked out/,
    meaning: 'the branch is checked out in a work tree of the remote repository',
    remedy: 'switch that work tree to another branch, or let the run work on another branch',
  },
  {
    reason: /shallow update not allowed/,
    meaning: 'it takes nothing from a shallow clone',
    remedy: 'complete the history where it is missing (git fetch --unshallow)',
  },
  {
    words:
      /verified signature|must be signed|not signed|unsigned commit|commits? without a (?:verified )?signature/i,
    meaning: 'it takes signed commits only',
    remedy: 'let it take unsigned commits on working branches, or sign and push them yourself',
  },
  {
    words: /\bGH007\b|private email address|e-?mail privacy/i,
    meaning: 'the push would publish an e-mail address that its host keeps private',
    remedy: 'set another commit address in the settings, such as the noreply address of the host',
  },
  {
    words:
      /e-?mail .{0,200}does not follow the pattern|(?:committer|author) e-?mail is|verified emails|is not a member of team|Author '.{0,200}' is not/i,
    meaning: 'it does not take commits of this author or committer',
    remedy: 'set name and address of commits in the settings to what the host knows',
  },
  {
    words:
      /\bGH001\b|Large files detected|file size limit|larger than the allowed size|exceeds? the (?:maximum )?file size/i,
    meaning: 'a file is too large for it',
    remedy: 'have the file left out of the commits, or kept in Git LFS',
  },
  {
    words: /\bGH008\b|unknown Git LFS object|LFS objects are missing/i,
    meaning: 'it lacks the content of Git LFS files',
    remedy: 'push the content of these files to it first (git lfs push)',
  },
  {
    words: /\bGH009\b|secrets? detected|cannot contain secrets|push protection/i,
    meaning: 'it has found what looks like a secret in the commits',
    remedy: 'have the secret removed from the commits, or allow it at the host',
  },
  {
    words:
      /quota|No space left on device|storage limit|allocated storage|exceeded its (?:size|storage)|repository size limit|over its size limit/i,
    meaning: 'its storage is full',
    remedy: 'make room or raise the limit at the host',
  },
  {
    words:
      /\bGH002\b|branch name .{0,200}(?:does not|must|not allowed)|(?:ref|branch) names? .{0,200}not allowed/i,
    meaning: 'it does not allow branches of this name',
    remedy: 'let the run work on a branch that follows the naming rules of the host',
  },
  {
    reason: /protected branch/,
    words: /\bGH006\b|protected branch/i,
    meaning: 'the branch is protected',
    remedy: 'let the run work on another branch, or let the credential push to this one',
  },
  {
    words: /\bGH013\b|rule violations/i,
    meaning: 'a rule of the repository forbids it',
    remedy: 'look at the rules of the repository at its host',
  },
  {
    words: /archived|read-?only/i,
    meaning: 'the repository is read-only',
    remedy: 'make it writable at its host',
  },
  {
    words: /exists; cannot create|is a directory|Not a directory|directory file conflict/i,
    reason: /directory file conflict/,
    meaning: 'another branch has a name that stands in the way of this one',
    remedy: 'let the run work on a branch of another name, or remove the other branch',
  },
  {
    words: /Unable to create '.{0,4000}\.lock': File exists/,
    meaning: 'another git is writing it, or has ended in the midst of that',
    remedy: 'start another run, or remove the lock if no git works there',
  },
  {
    words: /insufficient permission|Permission denied|unable to create temporary object directory/i,
    meaning: 'what it is stored in cannot be written',
    remedy: 'give the files of the repository to the account that serves it',
  },
  {
    reason: /hook declined/,
    meaning: 'a hook of the remote declined it',
    remedy: 'see what the hook says, and change the commits or the hook',
  },
]

/**
 * `rejection` is git's porcelain reason, `words` what the remote said beside it: they choose the advice, once it is
 * certain that the branch was rejected, and nothing else.
 */
export function adviseOnRejection(rejection: string, words: readonly string[]): RejectionAdvice {
  const said = words.join('\n')
  const known = KNOWN.find(
    ({ reason, words: pattern }) =>
      reason?.test(rejection) || pattern?.test(said) || pattern?.test(rejection),
  )
  return known ?? { meaning: rejection, remedy: 'see what the remote says' }
}
