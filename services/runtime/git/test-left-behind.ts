/** States that a run can leave a checkout in. Loaded by tests only. */
export interface State {
  name: string
  /** What the agent, or what killed it, does. `work` is checked out and has `readme.md`, `a/one` and `a/two`. */
  left: string
  /** What the leftovers hold: path to `<mode> <content>`, null for what is gone. Absent: nothing was left. */
  kept?: Record<string, string | null>
  notKept?: string[]
}

const commit = (file: string, text = file) => `echo ${text} > ${file}; git add -A; git commit -qm ${file}`
const file = (text: string) => `100644 ${text}`
/** Two histories that cannot be joined. */
const conflict = `git branch other; ${commit('readme.md', 'mine')}; git checkout -q other; ${commit('readme.md', 'other')}`

export const STATES: State[] = [
  { name: 'a changed file', left: 'echo more >> readme.md', kept: { 'readme.md': file('hello\nmore') } },
  { name: 'a new file', left: 'mkdir -p x; echo new > x/new', kept: { 'x/new': file('new') } },
  { name: 'staged files', left: 'echo s > s; git add s; echo t > s', kept: { s: file('t') } },
  { name: 'a deleted file', left: 'rm a/one', kept: { 'a/one': null } },
  { name: 'an executable', left: 'echo x > x; chmod 755 x', kept: { x: '100755 x' } },
  { name: 'a mode', left: 'chmod 755 readme.md', kept: { 'readme.md': '100755 hello' } },
  { name: 'a symbolic link', left: 'ln -s /nowhere l', kept: { l: '120000 /nowhere' } },
  { name: 'a file in place of a directory', left: 'rm -r a; echo a > a', kept: { a: file('a') } },
  {
    name: 'a directory in place of a file',
    left: 'rm readme.md; mkdir readme.md; echo r > readme.md/r',
    kept: { 'readme.md/r': file('r') },
  },
  { name: 'a commit', left: commit('own'), kept: { own: file('own') } },
  {
    name: 'a commit and changes',
    left: `${commit('own')}; echo x > x`,
    kept: { own: file('own'), x: file('x') },
  },
  {
    name: 'a commit on a detached HEAD',
    left: `git checkout -q --detach; ${commit('own')}`,
    kept: { own: file('own') },
  },
  {
    name: 'a commit on another branch',
    left: `git checkout -q -b mine; ${commit('own')}`,
    kept: { own: file('own') },
  },
  {
    name: 'a commit, and an older HEAD elsewhere',
    left: `${commit('own')}; git checkout -q --detach HEAD~1; echo x > x`,
    kept: { x: file('x') },
  },
  {
    name: 'an amended commit',
    left: 'echo x > x; git add x; git commit -q --amend -m new',
    kept: { x: file('x') },
  },
  {
    name: 'an orphan branch',
    left: 'git checkout -q --orphan alone; echo x > x; git add x',
    kept: { x: file('x') },
  },
  { name: 'a stopped rebase', left: `${conflict}; git rebase work || true`, kept: {} },
  { name: 'a stopped merge', left: `${conflict}; git merge work || true`, kept: {} },
  { name: 'a stopped cherry-pick', left: `${conflict}; git cherry-pick work || true`, kept: {} },
  {
    name: 'a stopped revert',
    left: `${commit('readme.md', 'b')}; ${commit('readme.md', 'c')}; git revert HEAD~1 || true`,
    kept: {},
  },
  {
    name: 'a stopped git am',
    left: `${conflict}; git format-patch -q -1 --stdout work > /tmp/p; git am /tmp/p || true`,
    kept: {},
  },
  {
    name: 'a bisect',
    left: `${commit('own')}; git bisect start -q; git bisect bad; git bisect good HEAD~1 || true`,
    kept: { own: file('own') },
  },
  { name: 'a damaged index', left: 'echo x > x; git add x; echo junk > .git/index', kept: { x: file('x') } },
  { name: 'an empty index', left: 'echo x > x; : > .git/index', kept: { x: file('x') } },
  { name: 'a deleted index', left: 'echo x > x; rm .git/index', kept: { x: file('x') } },
  { name: 'a deleted .git', left: 'echo x > x; rm -rf .git', kept: { x: file('x') } },
  {
    name: 'a .git that is a file',
    left: 'echo x > x; rm -rf .git; echo "gitdir: /nowhere" > .git',
    kept: { x: file('x') },
  },
  { name: 'an emptied .git', left: 'echo x > x; rm -rf .git/*', kept: { x: file('x') } },
  {
    name: 'a damaged configuration',
    left: `${commit('own')}; echo "[[[" > .git/config`,
    kept: { own: file('own') },
  },
  {
    name: 'an unknown extension',
    left: `${commit('own')}; git config core.repositoryformatversion 1; git config extensions.unheard 1`,
    kept: { own: file('own') },
  },
  { name: 'an empty HEAD', left: `${commit('own')}; : > .git/HEAD`, kept: { own: file('own') } },
  { name: 'an empty ref', left: 'echo x > x; : > .git/refs/heads/work', kept: { x: file('x') } },
  { name: 'packed refs', left: `${commit('own')}; git pack-refs --all`, kept: { own: file('own') } },
  {
    name: 'missing objects',
    left: `${commit('own')}; find .git/objects -type f -delete`,
    kept: { own: file('own') },
  },
  {
    name: 'a missing blob',
    left: `${commit('own')}; ${commit('other')}; rm -f .git/objects/$(git rev-parse HEAD:own | sed 's|^..|&/|'); rm own; echo again > own`,
    kept: { other: file('other'), own: file('again') },
  },
  {
    name: 'a nested repository without commits',
    left: 'mkdir n; cd n; git init -q; echo x > x',
    kept: { 'n/x': file('x') },
    notKept: ['n/.git'],
  },
  {
    name: 'a nested repository with commits',
    left: `mkdir -p d/n; cd d/n; git init -q; echo i > .gitignore; echo i > i; ${commit('x')}; echo y > y`,
    kept: { 'd/n/x': file('x'), 'd/n/y': file('y'), 'd/n/.gitignore': file('i') },
    notKept: ['d/n/.git'],
  },
  { name: 'an unreadable file', left: 'echo x > x; chmod 000 x', kept: { x: file('x') } },
  { name: 'an unreadable directory', left: 'mkdir d; echo x > d/x; chmod 000 d', kept: { 'd/x': file('x') } },
  {
    name: 'a read-only directory',
    left: 'mkdir d; echo x > d/x; chmod 555 d a; ',
    kept: { 'd/x': file('x') },
  },
  { name: 'a FIFO', left: 'mkfifo f; echo x > x', kept: { x: file('x') }, notKept: ['f'] },
  {
    name: 'a FIFO in place of a file',
    left: 'rm readme.md; mkfifo readme.md',
    kept: {},
    notKept: ['readme.md'],
  },
  {
    name: 'odd names',
    left: "echo x > '-n'; echo x > 'a b'; echo x > 'q\"uote'; echo x > ü; echo x > '*'",
    kept: { '-n': file('x'), 'a b': file('x'), 'q"uote': file('x'), ü: file('x'), '*': file('x') },
  },
  {
    name: 'a name with a line break',
    left: "echo x > 'a\nb'; mkdir 'n\nn'; echo x > 'n\nn/x'",
    kept: { 'a\nb': file('x'), 'n\nn/x': file('x') },
  },
  { name: 'line endings', left: "printf 'a\\r\\nb\\r\\n' > crlf", kept: { crlf: file('a\r\nb') } },
  {
    name: 'a linked work tree that has the branch',
    left: 'git checkout -q --detach; git worktree add -q ../linked work 2>/dev/null || git worktree add -q /tmp/linked work; echo x > x',
    kept: { x: file('x') },
  },
  {
    name: 'a configured hook and filter',
    left: "git config core.hooksPath /nowhere; echo '* filter=x' > .gitattributes; git config filter.x.clean false; git config filter.x.required true; echo x > x",
    kept: { x: file('x') },
  },
  {
    name: 'locks',
    left: 'for l in index HEAD packed-refs config shallow refs/heads/work refs/remotes/origin/work refs/heads/main logs/HEAD ORIG_HEAD; do mkdir -p .git/$(dirname $l); : > .git/$l.lock; done; touch .git/objects/info/commit-graph.lock',
  },
  {
    name: 'locks and changes',
    left: 'echo x > x; : > .git/index.lock; : > .git/HEAD.lock; : > .git/refs/heads/work.lock',
    kept: { x: file('x') },
  },
  {
    name: 'locks of a linked work tree',
    left: 'git worktree add -q --detach ignored/linked; : > .git/worktrees/linked/index.lock; : > .git/worktrees/linked/HEAD.lock',
  },
  { name: 'ignored files', left: 'mkdir ignored; echo i > ignored/i' },
  { name: 'control files', left: 'mkdir -p .mogplex a/.mogplex; echo x | tee .mogplex/x a/.mogplex/x' },
  { name: 'another branch, nothing made', left: 'git checkout -q -b mine' },
  { name: 'a detached HEAD, nothing made', left: 'git checkout -q --detach' },
  {
    name: 'a local branch that stands in the way',
    left: 'git checkout -q --detach; git branch -qD work; git branch work/more',
  },
  { name: 'a switch that was cut off', left: ': > .git/mogplex-switching; rm -r a; echo half > half' },
  {
    name: 'a clone that was cut off',
    left: ': > .git/mogplex-cloning; rm .git/HEAD; rm -r a; echo half > half',
  },
]
