import { expect, test } from 'bun:test'
import { joinNewSessionKeyring } from './session-keyring.ts'

/** A program that says in which session keyring it runs. */
const ASK = `
  import { dlopen } from 'bun:ffi'
  const { symbols } = dlopen('libc.so.6', { syscall: { args: ['i64', 'i64', 'i64', 'i64'], returns: 'i64' } })
  console.log(Number(symbols.syscall(process.arch === 'x64' ? 250 : 219, 0, -3, 0)))`

async function keyringOfChild(): Promise<number> {
  const child = Bun.spawn([process.execPath, '-e', ASK], { cwd: '/' })
  return Number(await new Response(child.stdout).text())
}

test('each call gives what is started next a keyring that nothing before it had', async () => {
  joinNewSessionKeyring()
  const [first, again] = [await keyringOfChild(), await keyringOfChild()]
  joinNewSessionKeyring()
  const second = await keyringOfChild()
  expect(first).toBeGreaterThan(0)
  expect(again).toBe(first)
  expect(second).toBeGreaterThan(0)
  expect(second).not.toBe(first)
})

test('a process that may have no further keyring starts nothing', async () => {
  // The quota counts the keys of the user, and the kernel frees them a moment late.
  const program = `
    import { dlopen } from 'bun:ffi'
    import { joinNewSessionKeyring } from '${import.meta.dir}/session-keyring.ts'
    joinNewSessionKeyring()
    const { symbols } = dlopen('libc.so.6', { syscall: { args: ['i64', 'ptr', 'ptr', 'ptr', 'i64', 'i64'], returns: 'i64' } })
    const text = value => new TextEncoder().encode(value + '\\0')
    let count = 0
    while (Number(symbols.syscall(process.arch === 'x64' ? 248 : 217, text('user'), text('key' + count), text('x'), 1, -3)) > 0) count += 1
    try { joinNewSessionKeyring(); console.log('started') } catch (error) { console.log(error.message) }`
  const drop = process.getuid?.() === 0 ? ['setpriv', '--reuid=64999', '--regid=64999', '--clear-groups'] : []
  const child = Bun.spawn([...drop, process.execPath, '-e', program], { cwd: '/', env: {} })
  expect(await new Response(child.stdout).text()).toContain('gives no new session keyring')
})
