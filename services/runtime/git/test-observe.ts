/** Looks at the machine the way somebody hunting for a secret would. Loaded by tests only; Linux. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Paths of the files below `directory` that contain `text`, in clear or as base64. */
export async function filesContaining(directory: string, text: string): Promise<string[]> {
  const needles = [text, Buffer.from(text).toString('base64').replace(/=+$/, '').slice(0, -1)]
  const found: string[] = []
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    const content = await readFile(path).catch(() => null)
    if (content && needles.some(needle => content.includes(needle))) found.push(path)
  }
  return found
}

/** Command lines of running processes that contain `text`. */
export async function commandLinesContaining(text: string): Promise<string[]> {
  return (await readOfEachProcess()).map(each => each.cmdline).filter(line => line.includes(text))
}

/** Command lines of running processes whose environment contains `text`. */
export async function processesWithEnvironment(text: string): Promise<string[]> {
  const processes = await readOfEachProcess()
  return processes.filter(each => each.environ.includes(text)).map(each => each.cmdline)
}

async function readOfEachProcess(): Promise<{ cmdline: string; environ: string }[]> {
  const read = (path: string) => readFile(path, 'latin1').catch(() => '')
  const pids = (await readdir('/proc')).filter(entry => /^\d+$/.test(entry))
  return await Promise.all(
    pids.map(async pid => ({
      cmdline: await read(`/proc/${pid}/cmdline`),
      environ: await read(`/proc/${pid}/environ`),
    })),
  )
}
