/**
 * The certificate by which clients tell our own NATS server from whoever else listens on its port: made here,
 * signed by itself, and the only one they accept.
 */
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import forge from 'node-forge'

/** PEM. */
export interface CertificateWithKey {
  certificate: string
  key: string
}

const ADDRESS = '127.0.0.1'
const VALID_YEARS = 10
const DAY_MS = 86_400_000
/** Of another machine's clock, which may be behind. */
const BACKDATED_MS = DAY_MS
const SERIAL_BYTES = 16

/** For a server on 127.0.0.1. */
export function makeCertificate(now = new Date()): CertificateWithKey {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const certificate = forge.pki.createCertificate()
  const name = [{ name: 'commonName', value: 'Mogplex NATS' }]
  certificate.publicKey = forge.pki.publicKeyFromPem(publicKey)
  // Positive, as DER reads it: the first bit is not set.
  certificate.serialNumber = `01${forge.util.bytesToHex(forge.random.getBytesSync(SERIAL_BYTES))}`
  certificate.validity.notBefore = new Date(now.getTime() - BACKDATED_MS)
  certificate.validity.notAfter = new Date(now.getTime() + VALID_YEARS * 365 * DAY_MS)
  certificate.setSubject(name)
  certificate.setIssuer(name)
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: [{ type: 7, ip: ADDRESS }] },
  ])
  certificate.sign(forge.pki.privateKeyFromPem(privateKey), forge.md.sha256.create())
  return { certificate: forge.pki.certificateToPem(certificate), key: privateKey }
}

/**
 * True when the files hold a certificate and its key, and more than half of its time is left: it is looked at
 * when a server starts, and may have to do for as long as that one runs.
 */
export function isCertificateFresh(files: { certificate: string; key: string }, now = new Date()): boolean {
  if (!existsSync(files.certificate) || !existsSync(files.key)) return false
  try {
    const { validToDate, validFromDate } = new X509Certificate(readFileSync(files.certificate))
    const middle = (validFromDate.getTime() + validToDate.getTime()) / 2
    return validFromDate <= now && now.getTime() < middle
  } catch {
    return false
  }
}
