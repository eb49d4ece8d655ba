/** What an agent might try with the programs it finds, and what it has to get. */

export interface Script {
  title: string
  script: string
  /** What it prints, both streams together. */
  prints: string | RegExp
  /** Read by the script. */
  stdin?: string
  /** Default: none. */
  network?: 'none' | 'egress'
}

const NOTHING = /^$/
const REFUSED = /not permitted|Permission denied|not allowed/

const quietly = (command: string) => `{ ${command}; } 2>/dev/null`
/** Files of a process that tell of it: not its memory, which is too much. */
const TOLD = [
  'cgroup',
  'cmdline',
  'comm',
  'environ',
  'limits',
  'maps',
  'mountinfo',
  'mounts',
  'smaps',
  'status',
]

/** What the directories hold, without the names of the directories. */
const contents = (...paths: string[]) => quietly(`ls -A ${paths.join(' ')} | grep -v ':$' | grep .`)

/** `operator`: a word in paths of the host; `marker`: a file of the host's in /usr/local/etc. */
export function hostileScripts({ operator, marker }: { operator: string; marker: string }): Script[] {
  return [
    ...lookingAround(operator, marker),
    ...gettingOut(),
    ...(process.arch === 'x64' ? [thirtyTwoBits()] : []),
  ]
}

function lookingAround(operator: string, marker: string): Script[] {
  const everyProcess = (...names: string[]) =>
    names.flatMap(name => [`/proc/[0-9]*/${name}`, `/proc/[0-9]*/task/*/${name}`])
  return [
    {
      title: 'learns from mountinfo where its workspace lies',
      script: 'cat /proc/self/mountinfo /proc/thread-self/mountinfo /proc/$$/task/*/mountinfo',
      prints: NOTHING,
    },
    {
      title: 'lists mounts and their devices',
      script: 'cat /proc/mounts /proc/self/mounts /proc/self/mountstats',
      prints: NOTHING,
    },
    {
      title: 'learns it from the first process',
      script: quietly('cat /proc/1/mountinfo /proc/1/mounts /proc/1/mountstats; ls -A /proc/1/task'),
      prints: NOTHING,
    },
    {
      title: 'learns it from any process',
      script: quietly(`cat ${everyProcess('mountinfo', 'mounts', 'mountstats').join(' ')}`),
      prints: NOTHING,
    },
    { title: 'reads with what the sandbox was built', script: 'cat /proc/1/cmdline', prints: NOTHING },
    {
      title: "searches all that /proc tells for the operator's directory",
      script: `cat >/tmp/words; ${quietly(`grep -alf /tmp/words ${everyProcess(...TOLD).join(' ')} /proc/version /proc/sys/kernel/*`)}`,
      stdin: operator,
      prints: NOTHING,
    },
    {
      title: 'learns its cgroup on the host',
      script: 'grep -v ":/$" /proc/self/cgroup',
      prints: NOTHING,
    },
    {
      title: "reads the host's own settings below /usr",
      script: contents('/usr/etc', '/usr/local/etc', '/usr/local/src', '/usr/local/srv', '/usr/local/var'),
      prints: NOTHING,
    },
    { title: 'opens one of them by name', script: `cat '/usr/local/etc/${marker}'`, prints: /No such file/ },
    { title: 'lists keys and whose they are', script: 'cat /proc/keys /proc/key-users', prints: NOTHING },
    { title: 'reads what the host was booted with', script: 'cat /proc/cmdline', prints: NOTHING },
    {
      title: "lists the host's disks",
      script: quietly('cat /proc/partitions /proc/diskstats /proc/swaps /proc/mdstat'),
      prints: NOTHING,
    },
    {
      title: 'reads addresses and modules of the kernel',
      script: quietly('cat /proc/kallsyms /proc/modules'),
      prints: NOTHING,
    },
    {
      title: "reads the kernel's memory and log",
      script: quietly('head -c 1 /proc/kcore; head -c 1 /proc/kmsg; head -c 1 /dev/mem; dmesg'),
      prints: NOTHING,
    },
    {
      title: "lists the host's devices and file systems",
      script: contents('/proc/acpi', '/proc/asound', '/proc/bus', '/proc/fs', '/proc/scsi', '/sys'),
      prints: NOTHING,
    },
    {
      title: "looks into the first process's memory",
      script: quietly(
        'head -c 1 /proc/1/mem; head -c 1 /proc/1/task/1/mem; head -c 1 /proc/1/task/1/environ',
      ),
      prints: NOTHING,
    },
    {
      title: "looks for files of the host's at the first process's root",
      script: 'ls -d /proc/1/root/root /proc/1/root/var /proc/1/cwd/../root /proc/1/root/etc/shadow',
      prints: /^(ls: cannot access .*\n){4}$/,
    },
  ]
}

function gettingOut(): Script[] {
  const again = 'unshare --mount --propagation unchanged --root=/proc/1/root --wd=/ --'
  return [
    {
      title: 'becomes root in a user namespace',
      script: 'unshare --user --map-root-user id -u',
      prints: REFUSED,
    },
    { title: 'makes a mount namespace', script: 'unshare --mount true', prints: REFUSED },
    { title: 'does again what the sandbox began with', script: `${again} id`, prints: REFUSED },
    {
      title: 'builds a sandbox in the sandbox',
      script: 'bwrap --bind / / id',
      prints: /namespace|not permitted/,
    },
    {
      title: "enters the first process's namespaces",
      script: 'nsenter --target 1 --mount id',
      prints: REFUSED,
    },
    {
      title: 'mounts a file system',
      script: 'mount -t tmpfs none /tmp',
      prints: /permission|superuser|must be/,
    },
    {
      title: 'takes covers off',
      script: 'umount -l /proc/keys /proc/1/mountinfo /usr/local/etc',
      prints: /umount: /,
    },
    { title: 'changes its root', script: 'chroot /proc/1/root id', prints: REFUSED },
    {
      title: 'becomes root by name',
      script: 'setpriv --reuid=0 id',
      prints: /not permitted|Invalid argument/,
    },
    {
      title: 'becomes root by a set-user-id program',
      script: 'su root -c "id -u" </dev/null',
      prints: /^su: /,
    },
    { title: 'makes a device of the disk', script: 'mknod /tmp/disk b 254 0', prints: REFUSED },
    {
      title: 'writes over what covers the host',
      script: 'for each in /usr/local/etc /usr/etc /proc/fs /proc/1/task; do touch $each/x; done',
      prints: /^(touch: .*\n){4}$/,
    },
    {
      title: 'has the kernel start a program outside',
      script: `echo '|/workspace/x' >/proc/sys/kernel/core_pattern`,
      prints: /Read-only|denied/,
    },
    { title: 'restarts the host', script: 'echo b >/proc/sysrq-trigger', prints: /Read-only|denied|No such/ },
    {
      title: 'ends what holds the sandbox',
      script: 'kill -KILL 1; kill -STOP 1; echo alive',
      prints: /^alive$/m,
    },
  ]
}

/**
 * A program of x86-64 that asks by the 32-bit gate, whose numbers mean other calls: 20 is getpid there. Then it
 * ends with 0, or would: 159 is SIGSYS, the filter's; 139 is SIGSEGV, of a kernel without the gate.
 */
function thirtyTwoBits(): Script {
  return {
    title: 'asks by the 32-bit gate of the processor',
    script: `${GATE_PROGRAM}; /tmp/gate; echo $?`,
    prints: /^1[35]9\n/,
  }
}

const HEADER = [
  ...['7f454c46', '02010100', '0000000000000000', '02003e0001000000', '7800400000000000', '4000000000000000'],
  ...['0000000000000000', '00000000', '4000', '3800', '0100', '0000', '0000', '0000'],
  ...['0100000005000000', '0000000000000000', '0000400000000000', '0000400000000000'],
  ...['8b00000000000000', '8b00000000000000', '0010000000000000'],
]
/** mov eax, 20; int 0x80; mov eax, 60; xor edi, edi; syscall */
const CODE = 'b814000000cd80b83c00000031ff0f05'

/** Writes it to /tmp/gate. */
export const GATE_PROGRAM = `printf '${(HEADER.join('') + CODE).replace(/../g, '\\x$&')}' >/tmp/gate; chmod +x /tmp/gate`

/** The same ways of looking, for what programs need. */
export function neededScripts(): Script[] {
  return [
    {
      title: 'knows where it is',
      script: 'pwd -P; /bin/pwd; readlink /proc/self/cwd',
      prints: /^(\/workspace\n){3}$/,
    },
    { title: 'sees its own processes', script: 'cat /proc/$$/cmdline | tr "\\0" " "', prints: /^bash -c/ },
    {
      title: 'finds in /proc what is there',
      script: 'cat >/tmp/words; grep -alf /tmp/words /proc/[0-9]*/environ 2>/dev/null | head -1',
      stdin: 'HOME=/home/agent',
      prints: /environ/,
    },
    {
      title: 'measures memory and processors',
      script: 'grep -c . /proc/meminfo /proc/cpuinfo /proc/stat',
      prints: /^(.*:[1-9]\d*\n){3}$/,
    },
    { title: 'sees how full its disk is', script: 'df --output=avail . 2>/dev/null | tail -1', prints: /\d/ },
    {
      title: 'commits',
      script:
        'git init -q repo && cd repo && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m first && git log --format=%s',
      prints: 'first\n',
    },
    {
      title: 'runs node, with threads',
      script: `node -e "new (require('worker_threads').Worker)('console.log(42)', { eval: true })"`,
      prints: '42\n',
    },
    {
      title: 'runs bun',
      network: 'egress',
      script:
        "/run/mogplex/bun -e \"console.log(await new Response(Bun.spawn(['echo', '42']).stdout).text())\"",
      prints: /^42/,
    },
  ]
}
