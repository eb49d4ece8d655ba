/** The App's private key as operators have it (projects spec 6.2). */
import { createPrivateKey, type KeyObject } from 'node:crypto'

/**
 * Reads PKCS#1 or PKCS#8 PEM; line ends may be written as `\n`, as one-line settings need. Throws for what is
 * no RSA key; the message does not hold the key.
 */
export function parsePrivateKey(text: string): KeyObject {
  const key = readPem(text.replaceAll('\\n', '\n'))
  if (key.asymmetricKeyType !== 'rsa') throw new Error('is not an RSA private key')
  return key
}

function readPem(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    // What a parser says may quote what it read.
    throw new Error('is not a private key in PEM format')
  }
}
