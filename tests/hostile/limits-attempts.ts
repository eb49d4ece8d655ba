/** What an agent tries against the limits of its sandbox. Each script runs inside it under bash. */
import type { SandboxLimit } from '../../services/runtime/sandboxes/provider.ts'

/** What the sandboxes of these tests may have; small, so that an attempt takes a moment. */
export const LIMITS = {
  memoryBytes: 192 * 1024 ** 2,
  cpus: 1,
  processes: 40,
  diskBytes: 96 * 1024 ** 2,
  inodes: 3_000,
  freeBytes: 0,
  freeInodes: 0,
}

export interface Attempt {
  name: string
  script: string
}

export interface EndedAttempt extends Attempt {
  limit: SandboxLimit
}

/** `statements` in Python, for what a shell cannot do; then it waits to be ended. */
function python(statements: string): string {
  return `exec python3 - <<'END'\nimport ctypes, mmap, os, resource, socket, threading, time\n${statements}\ntime.sleep(30)\nEND`
}

const FILL = 'def fill(mib): return bytearray(b"x" * (mib << 20))'
const SHMGET = `
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
libc.shmdt.argtypes = [ctypes.c_void_p]
for _ in range(3):
    at = libc.shmat(libc.shmget(0, ctypes.c_size_t(80 << 20), 0o1600), None, 0)
    ctypes.memset(at, 1, 80 << 20)
    libc.shmdt(at)`

/** Ended, with the limit as the reason. */
export const ENDED: EndedAttempt[] = [
  { name: 'one process takes all the memory', limit: 'memory', script: python(`${FILL}\nx = fill(400)`) },
  {
    name: 'many processes take a little memory each',
    limit: 'memory',
    script: `for i in {1..8}; do (${python(`${FILL}\nx = fill(40)`)}\n) & done; wait`,
  },
  {
    name: 'a process that left its parents takes the memory',
    limit: 'memory',
    script: `(setsid -f bash -c '${python(`${FILL}\nx = fill(400)`).replaceAll("'", `'\\''`)}\n' &) ; sleep 30`,
  },
  {
    name: 'a process that hides from debuggers takes the memory',
    limit: 'memory',
    script: python(`${FILL}\nctypes.CDLL(None).prctl(4, 0)\nx = fill(400)`),
  },
  {
    name: 'files in /tmp and /dev/shm take the memory',
    limit: 'memory',
    // Each alone is allowed; what tells is that they are counted together.
    script: `head -c 90M /dev/zero >/tmp/a; head -c 90M /dev/zero >/dev/shm/a; ${python(`${FILL}\nx = fill(90)`)}`,
  },
  {
    name: 'empty files in /tmp take the memory',
    limit: 'memory',
    script: python('for i in range(400_000): os.mknod(f"/tmp/{i}")'),
  },
  {
    name: 'memory shared between processes is taken',
    limit: 'memory',
    script: python('x = mmap.mmap(-1, 400 << 20)\nfor at in range(0, 400 << 20, 4096): x[at] = 1'),
  },
  {
    name: 'a file in memory without a name, mapped by nobody, takes it',
    limit: 'memory',
    script: python(
      'x = [os.memfd_create("x") for _ in range(5)]\nfor _ in range(80):\n  for f in x: os.write(f, b"x" * (1 << 20))',
    ),
  },
  {
    name: 'System V segments that nobody is attached to take the memory',
    limit: 'memory',
    script: python(SHMGET),
  },
  {
    name: 'what nobody reads from sockets takes the memory',
    limit: 'memory',
    script:
      python(`resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
x = [socket.socketpair() for _ in range(1500)]
for a, b in x:
    a.setblocking(False)
    try:
        while True: a.send(b"x" * 65536)
    except BlockingIOError: pass`),
  },
  {
    name: 'what nobody reads from pipes takes the memory',
    limit: 'memory',
    script:
      python(`resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
for _ in range(12):
    if os.fork() == 0:
        for _ in range(1500):
            r, w = os.pipe()
            os.set_blocking(w, False)
            try:
                while True: os.write(w, b"x" * 4096)
            except BlockingIOError: pass
        break`),
  },
  { name: 'a fork bomb', limit: 'processes', script: 'bomb() { bomb | bomb & }; bomb; sleep 30' },
  {
    name: 'a fork bomb of processes that leave their session',
    limit: 'processes',
    script: 'bomb() { (setsid -f sleep 30 &); bomb; }; bomb',
  },
  {
    name: 'a bomb of threads',
    limit: 'processes',
    script: python(`threading.stack_size(65536)
for _ in range(4000):
    try: threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
    except RuntimeError: pass`),
  },
  {
    name: 'one file takes the disk',
    limit: 'disk',
    script: 'head -c 80M /dev/zero >a; head -c 40M /dev/zero >b; sleep 30',
  },
  {
    name: 'many files take the disk, in the home too',
    limit: 'disk',
    script: 'for i in {1..30}; do head -c 5M /dev/zero >~/$i; done; sleep 30',
  },
  {
    name: 'files in a directory closed to everybody take the disk',
    limit: 'disk',
    script: 'mkdir d; cd d; head -c 60M /dev/zero >a; head -c 60M /dev/zero >b; chmod 0 .; sleep 30',
  },
  {
    name: 'files that were deleted and are still open take the disk',
    limit: 'disk',
    script: 'for i in 5 6; do eval "exec $i>d"; rm d; head -c 60M /dev/zero >&$i; done; sleep 30',
  },
  {
    name: 'empty files take all inodes',
    limit: 'inodes',
    script: python('for i in range(6_000): os.mknod(str(i))'),
  },
  {
    name: 'names of one file without end',
    limit: 'inodes',
    script: python('os.mknod("a")\nfor i in range(6_000): os.link("a", str(i))'),
  },
  {
    name: 'directories ten thousand deep',
    limit: 'inodes',
    script: python('for _ in range(10_000):\n  os.mkdir("d")\n  os.chdir("d")'),
  },
]

/** Come to nothing: the script exits with 0 when it failed at what it tries. */
export const FUTILE: Attempt[] = [
  {
    name: 'makes itself the last that the kernel ends for want of memory',
    script:
      '[ "$(cat /proc/self/oom_score_adj)" = 1000 ]; for value in -1000 0 999; do ! echo $value >/proc/self/oom_score_adj || exit 1; done; ! choom -n 0 -p $$',
  },
  {
    name: 'does the same in a /proc of its own',
    script:
      '! unshare -Urpf --mount-proc sh -c "echo 0 >/proc/self/oom_score_adj"; [ "$(cat /proc/self/oom_score_adj)" = 1000 ]',
  },
  {
    name: 'gets in front of the services at the processors',
    script: '[ "$(nice)" -ge 5 ] && ! renice -n 0 -p $$ && [ "$(nice)" -ge 5 ]',
  },
  {
    name: 'raises its own limits',
    script:
      '! ulimit -u unlimited && ! ulimit -u 100000 && ! ulimit -f unlimited && ! prlimit --pid $$ --nproc=unlimited --fsize=unlimited',
  },
  {
    name: 'leaves its cgroup',
    script:
      '! mount -t cgroup2 none /mnt && ! ls -d /sys/fs/cgroup && ! grep -v ":/$" /proc/self/cgroup | grep mogplex',
  },
  {
    name: 'takes the memory of the host’s that is no file system of its own',
    script: 'for d in / /dev /run /etc /proc /sys; do ! head -c 1M /dev/zero >$d/x || exit 1; done',
  },
  {
    name: 'writes one file larger than all may be',
    script: '! head -c 110M /dev/zero >a; size=$(stat -c %s a); rm a; [ $size -le 100663296 ]',
  },
]

/** What takes nothing is nobody's fault: each script exits with 0. */
export const HARMLESS: Attempt[] = [
  { name: 'a file of holes is not counted', script: 'truncate -s 90M a b c; sleep 3; rm a b c' },
  {
    name: 'a file with many names is counted once',
    script: 'head -c 20M /dev/zero >a; for i in {1..20}; do ln a a$i; done; sleep 3; rm a*',
  },
  {
    name: 'memory that forked processes share is counted once',
    script: `python3 -c '
import os, time
x = bytearray(100 << 20)
for at in range(0, len(x), 4096): x[at] = 1
for _ in range(6):
    if os.fork() == 0:
        time.sleep(2)
        os._exit(0)
for _ in range(6): os.wait()'`,
  },
]
