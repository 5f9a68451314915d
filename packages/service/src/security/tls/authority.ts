/**
 * The private authority of a home: it signs the certificates of nodes, and clients trust it (`larder ca`). Its key never leaves the home.
 * An authority of the user's own stands in the same two files.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LarderError } from '../../errors.ts'
import type { Certificates, NodeCertificate } from '../../ports/certificates.ts'
import { createAuthority, createNodeCertificate } from './certificate.ts'

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
  const certificate = new X509Certificate(bundle)
  const key = createPrivateKey(readText(keyFile))
  if (!certificate.ca || !certificate.checkPrivateKey(key)) {
    throw new LarderError(
      'store-corrupt',
      `expected the certificate of an authority in ${certificateFile} and its private key in ${keyFile}, found others`,
    )
  }
  const name = /(?:^|\n)CN=([^\n]*)/.exec(certificate.subject)?.[1] ?? 'Larder'
  return {
    bundle,
    issue: (subject, places): NodeCertificate => {
      const until = Math.min(now() + nodeMs, Date.parse(certificate.validTo))
      const issued = createNodeCertificate({ name, key }, subject, places, { from: now() - earlierMs, until })
      return { ...issued, authority: bundle, issuedAt: now(), endsAt: until }
    },
  }
}
