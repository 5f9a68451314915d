/**
 * The private authority of a home: it signs the certificates of nodes, and clients trust it (`larder ca`). Its key never leaves the home.
 * An authority of the user's own stands in the same two files; where a higher one has signed it, that one's certificate follows in the same file.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LarderError } from '../../errors.ts'
import type { Certificates, NodeCertificate } from '../../ports/certificates.ts'
import { createAuthority, createNodeCertificate, issuerOf, signingKeys } from './certificate.ts'

const dayMs = 86_400_000
const authorityMs = 3_650 * dayMs
const nodeMs = 90 * dayMs
/** Clocks of clients may be behind. */
const earlierMs = 3_600_000

const readText = (path: string): string => readFileSync(path, 'utf8')

const writeOnce = (path: string, content: string): void => {
  writeFileSync(`${path}.new`, content, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}

const damaged = (file: string, expected: string, cause: unknown): LarderError =>
  new LarderError('store-corrupt', `expected ${expected} in ${file}, found something else`, { cause })

const readChain = (bundle: string, file: string): readonly X509Certificate[] => {
  try {
    return (bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []).map(
      (text) => new X509Certificate(text),
    )
  } catch (error) {
    throw damaged(file, 'certificates (PEM)', error)
  }
}

const readKey = (file: string): KeyObject => {
  let key: KeyObject
  try {
    key = createPrivateKey(readText(file))
  } catch (error) {
    throw damaged(file, 'a private key (PEM, without a passphrase)', error)
  }
  if (signingKeys.includes(key.asymmetricKeyType ?? '')) return key
  throw new LarderError('store-corrupt', `expected a key of ${signingKeys.join(', ')} in ${file}, found ${key.asymmetricKeyType}`)
}

/** Makes the authority where there is none. Throws `store-corrupt` where its files do not belong together. */
export const openAuthority = (folder: string, now: () => number): Certificates => {
  const [certificateFile, keyFile] = [join(folder, 'ca.crt'), join(folder, 'ca.key')]
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (!existsSync(certificateFile)) {
    const made = createAuthority('Larder', { from: now() - earlierMs, until: now() + authorityMs })
    writeOnce(keyFile, made.key)
    writeOnce(certificateFile, made.certificate)
  }
  const bundle = readText(certificateFile)
  const chain = readChain(bundle, certificateFile)
  const key = readKey(keyFile)
  const [certificate] = chain
  if (certificate === undefined || !certificate.ca || !certificate.checkPrivateKey(key)) {
    throw new LarderError(
      'store-corrupt',
      `expected the certificate of an authority in ${certificateFile} and its private key in ${keyFile}, found others`,
    )
  }
  if (Date.parse(certificate.validTo) <= now())
    throw new LarderError(
      'store-corrupt',
      `expected an authority that is still valid in ${certificateFile}, found one until ${certificate.validTo}`,
    )
  const issuer = issuerOf(certificate, key)
  // Clients may know the highest authority alone: a node shows who stands between it and that one.
  const between = chain.filter((each) => !each.checkIssued(each)).map(String)
  return {
    bundle,
    issue: (subject, places, fixed = false): NodeCertificate => {
      const authorityEnds = Date.parse(certificate.validTo)
      const until = fixed ? authorityEnds : Math.min(now() + nodeMs, authorityEnds)
      const issued = createNodeCertificate(issuer, subject, places, { from: now() - earlierMs, until })
      return {
        ...issued,
        certificate: [issued.certificate, ...between].join(''),
        authority: bundle,
        issuedAt: now(),
        endsAt: until,
      }
    },
  }
}
