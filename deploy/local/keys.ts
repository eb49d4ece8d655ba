/** The secrets of an instance: made on the first start, kept in one file of the home. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { matches } from '@mogplex/kit/validation.ts'
import { SERVICE_NAMES, type ServiceName } from '@mogplex/proto/services.ts'
import { createUser } from '@nats-io/nkeys'
import { type Static, type TSchema, Type } from '@sinclair/typebox'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { writePrivateFile } from './home.ts'
import { NATS_CLIENTS, type NatsClient } from './nats-permissions.ts'
import { issuerOf, PROCESS_NAMES, type ProcessName } from './processes.ts'

/** Every member may be missing: a file of an older version lacks what a new service needs. */
const ofProcesses = <T extends TSchema>(value: T) => Type.Record(Type.String(), value)
const SigningKey = Type.Object({
  kty: Type.Literal('OKP'),
  crv: Type.Literal('Ed25519'),
  kid: Type.String(),
  x: Type.String(),
  d: Type.String(),
})
const KeysFile = Type.Object({
  signingKeys: ofProcesses(SigningKey),
  encryptionKeys: ofProcesses(Type.String()),
  databasePasswords: ofProcesses(Type.String()),
  /** In the place of passwords, which older versions had here. */
  natsSeeds: Type.Optional(ofProcesses(Type.String())),
  postgresPassword: Type.String(),
  signUpCode: Type.Optional(Type.String()),
})
type KeysFile = Static<typeof KeysFile>
export type SigningKey = Static<typeof SigningKey>

export interface Keys {
  /** Ed25519 private keys. */
  signingKeys: Record<ProcessName, SigningKey>
  /** 32 bytes, base64. */
  encryptionKeys: Record<ServiceName, string>
  databasePasswords: Record<ServiceName, string>
  /** Seeds of user nkeys, by which each client proves itself to our own NATS. */
  natsSeeds: Record<NatsClient, string>
  /** Of the administrator of our own Postgres. */
  postgresPassword: string
  /** What the first sign-up must show unless it is made on this machine. */
  signUpCode: string
}

const NO_KEYS: KeysFile = {
  signingKeys: {},
  encryptionKeys: {},
  databasePasswords: {},
  postgresPassword: '',
}

/** Reads the file, makes what is missing and writes it back. Throws when the file is there but unreadable. */
export async function loadKeys(file: string): Promise<Keys> {
  const known = existsSync(file) ? parse(file) : NO_KEYS
  const keys: Keys = {
    signingKeys: await fill(PROCESS_NAMES, known.signingKeys, makeSigningKey),
    encryptionKeys: await fill(SERVICE_NAMES, known.encryptionKeys, () => randomBytes(32).toString('base64')),
    databasePasswords: await fill(SERVICE_NAMES, known.databasePasswords, password),
    natsSeeds: await fill(NATS_CLIENTS, known.natsSeeds ?? {}, natsSeed),
    postgresPassword: known.postgresPassword || password(),
    signUpCode: known.signUpCode || password(),
  }
  const text = `${JSON.stringify(keys, null, 2)}\n`
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writePrivateFile(file, text)
  return keys
}

/** What services verify assertions with: `ASSERTION_PUBLIC_KEYS`. */
export function publicKeys(keys: Keys): Record<string, JWK[]> {
  return Object.fromEntries(
    PROCESS_NAMES.map(name => {
      const { d: _, ...publicKey } = keys.signingKeys[name]
      return [issuerOf(name), [publicKey]]
    }),
  )
}

function parse(file: string): KeysFile {
  const content: unknown = JSON.parse(readFileSync(file, 'utf8'))
  // Making new keys over a damaged file would lock everybody out of what the old ones encrypted.
  if (!matches(KeysFile, content)) throw new Error(`${file} is damaged; restore it from a backup`)
  return content
}

async function fill<Name extends string, Value>(
  names: readonly Name[],
  known: Record<string, Value>,
  make: () => Value | Promise<Value>,
): Promise<Record<Name, Value>> {
  const entries = names.map(async name => [name, known[name] ?? (await make())] as const)
  return Object.fromEntries(await Promise.all(entries)) as Record<Name, Value>
}

async function makeSigningKey(): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true })
  const key = { ...(await exportJWK(privateKey)), kid: randomBytes(8).toString('hex') }
  if (!matches(SigningKey, key)) throw new Error('the key made is not an Ed25519 key')
  return key
}

/** A new seed for each client. */
export function makeNatsSeeds(): Record<NatsClient, string> {
  const entries = NATS_CLIENTS.map(name => [name, natsSeed()])
  return Object.fromEntries(entries)
}

function natsSeed(): string {
  return new TextDecoder().decode(createUser().getSeed())
}

function password(): string {
  return randomBytes(24).toString('base64url')
}
