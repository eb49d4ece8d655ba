/**
 * Runs inside a sandbox: makes the system calls that stdin lists and prints as JSON what the kernel answered
 * to each. `child` among the arguments is the pid of a process of its own.
 */
import { type Argument, systemCall } from './system-call.ts'

const calls: [number, ...Argument[]][] = JSON.parse(await Bun.stdin.text())
const child = Bun.spawn(['sleep', '60'])
const answers = calls.map(([number, ...args]) =>
  systemCall(number, ...args.map(each => (each === 'child' ? child.pid : each))),
)
child.kill('SIGKILL')
console.log(JSON.stringify(answers))
