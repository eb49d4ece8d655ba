/** The npm packages, installed with Bun, which comes from npm itself. */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runStep } from './run.mjs'

/** Installs when the lock file and the patches are not those installed last, on this kind of machine. Returns bun's path. */
export async function installDependencies(root) {
  const bun = join(root, 'node_modules/.bin/bun')
  const stamp = join(root, 'node_modules/.installed')
  const wanted = fingerprint(root)
  if (existsSync(bun) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return bun
  const version = wantedBun(root)
  await runStep(
    `Installing dependencies with bun ${version}`,
    [...bunCommand(bun, version), 'install', '--frozen-lockfile'],
    { cwd: root, isTalkative: true },
  )
  if (!isVersion(bun, version))
    throw new Error(`${bun} is not bun ${version}; remove node_modules and try again`)
  writeFileSync(stamp, wanted)
  return bun
}

function fingerprint(root) {
  const patches = readdirSync(join(root, 'patches')).map(name => join('patches', name))
  const hash = createHash('sha256').update(`${process.platform} ${process.arch} `)
  for (const file of ['bun.lock', ...patches.toSorted()]) hash.update(readFileSync(join(root, file)))
  return hash.digest('hex')
}

function wantedBun(root) {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).devDependencies.bun
}

function bunCommand(bun, version) {
  return isVersion(bun, version) ? [bun] : ['npx', '--yes', `bun@${version}`]
}

function isVersion(bun, version) {
  return existsSync(bun) && spawnSync(bun, ['--version'], { encoding: 'utf8' }).stdout?.trim() === version
}
