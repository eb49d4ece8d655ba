import { expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryDirectory } from '../test-bench/ended-at-exit.ts'
import { isCertificateFresh, makeCertificate } from './certificate.ts'

const directory = temporaryDirectory('certificate')
const files = { certificate: join(directory, 'certificate.pem'), key: join(directory, 'key.pem') }
const write = ({ certificate, key }: ReturnType<typeof makeCertificate>) => {
  writeFileSync(files.certificate, certificate)
  writeFileSync(files.key, key)
}
const YEAR_MS = 365 * 86_400_000
const yearsAgo = (years: number) => new Date(Date.now() - years * YEAR_MS)

test('it is for the loopback address, for servers, and another one each time', () => {
  const [one, other] = [makeCertificate(), makeCertificate()]
  const certificate = new X509Certificate(one.certificate)
  expect(certificate.subjectAltName).toBe('IP Address:127.0.0.1')
  expect(certificate.verify(certificate.publicKey)).toBe(true)
  expect(certificate.serialNumber).not.toBe(new X509Certificate(other.certificate).serialNumber)
  expect(certificate.fingerprint256).not.toBe(new X509Certificate(other.certificate).fingerprint256)
})

test('it is fresh until half of its time is over, and never without its key or when damaged', () => {
  expect(isCertificateFresh(files)).toBe(false)
  write(makeCertificate())
  expect(isCertificateFresh(files)).toBe(true)
  write(makeCertificate(yearsAgo(4)))
  expect(isCertificateFresh(files)).toBe(true)
  write(makeCertificate(yearsAgo(6)))
  expect(isCertificateFresh(files)).toBe(false)
  writeFileSync(files.certificate, 'damaged')
  expect(isCertificateFresh(files)).toBe(false)
})
