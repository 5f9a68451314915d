/**
 * The private authority of a home: it signs the certificates of nodes, and clients trust it (`larder ca`). Its key never leaves the home.
 * An authority of the user's own stands in the same two files; where a higher one has signed it, that one's certificate follows in the same file.
 *
 * Its own authority is renewed by Larder two years before it ends: a second certificate for the same name and key, beside the first in `ca.crt`. What the
 * key has signed is good for whoever trusts either of them, so that nothing has to happen in an order.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LarderError } from '../../errors.ts'
import type { AuthorityTerm, Certificates, NodeCertificate } from '../../ports/certificates.ts'
import { createAuthority, createNodeCertificate, issuerOf, renewAuthority, signingKeys, type Validity } from './certificate.ts'

const dayMs = 86_400_000
const ownName = 'Larder'
/**
 * A clock may be wrong by a year, ahead or back, while a certificate is made or checked: that alone makes none invalid. Together below the 825 days
 * that some clients take at most.
 */
const nodeBeforeMs = 365 * dayMs
const nodeMs = 400 * dayMs
const authorityMs = 3_650 * dayMs
const renewAuthorityMs = 730 * dayMs
/** Certificates of one key that are kept in the file. */
const mostCertificates = 4

const readText = (path: string): string => readFileSync(path, 'utf8')

const writeWhole = (path: string, content: string): void => {
  const file = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeFileSync(file, content) // a single write on a disk that fills up takes a part, and says nothing
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
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

const authorityTerm = (now: number): Validity => ({ from: now - authorityMs, until: now + authorityMs })

const startOf = (certificate: X509Certificate): number => Date.parse(certificate.validFrom)
const endOf = (certificate: X509Certificate): number => Date.parse(certificate.validTo)

interface Authority {
  readonly bundle: string
  readonly key: KeyObject
  /** The one that signs: of several with its key that which is good for longest from now on. */
  readonly certificate: X509Certificate
  /** Clients may know the highest authority alone: a node shows who stands between it and that one. */
  readonly between: readonly string[]
  readonly isOwn: boolean
}

const read = (certificateFile: string, keyFile: string, now: number): Authority => {
  const bundle = readText(certificateFile)
  const chain = readChain(bundle, certificateFile)
  const key = readKey(keyFile)
  const [first] = chain
  if (first === undefined || !first.ca || !first.checkPrivateKey(key)) {
    throw new LarderError(
      'store-corrupt',
      `expected the certificate of an authority in ${certificateFile} and its private key in ${keyFile}, found others`,
    )
  }
  const sameKey = chain.filter((each) => each.subject === first.subject && each.checkPrivateKey(key))
  const valid = sameKey.filter((each) => startOf(each) <= now && now < endOf(each))
  const certificate = valid.reduce<X509Certificate | undefined>(
    (best, each) => (best === undefined || endOf(each) > endOf(best) ? each : best),
    undefined,
  )
  return {
    bundle,
    key,
    certificate: certificate ?? first,
    between: chain.filter((each) => !each.checkIssued(each)).map(String),
    // What Larder has made has this name, has signed itself, and stands alone with its own renewals.
    isOwn: chain.every((each) => each.subject === `CN=${ownName}` && each.checkIssued(each) && each.checkPrivateKey(key)),
  }
}

/** Null: nothing to do. */
const renewed = ({ isOwn, certificate, key, bundle }: Authority, now: number): string | null => {
  const isGood = startOf(certificate) <= now && endOf(certificate) - now > renewAuthorityMs
  if (!isOwn || isGood) return null
  const fresh = renewAuthority(issuerOf(certificate, key), ownName, authorityTerm(now))
  const before = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\n?/g) ?? []
  return [fresh, ...before.slice(0, mostCertificates - 1)].join('')
}

/**
 * Makes the authority where there is none, and renews what Larder has made. All of it throws `store-corrupt` where its files do not belong together: only
 * groups with TLS depend on it.
 */
export const openAuthority = (folder: string, now: () => number): Certificates => {
  const [certificateFile, keyFile] = [join(folder, 'ca.crt'), join(folder, 'ca.key')]
  let open: Authority | null = null

  const present = (): Authority => {
    if (open === null) {
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      if (!existsSync(certificateFile)) {
        const made = createAuthority(ownName, authorityTerm(now()))
        writeWhole(keyFile, made.key)
        writeWhole(certificateFile, made.certificate)
      }
      open = read(certificateFile, keyFile, now())
    }
    const next = renewed(open, now())
    if (next !== null) {
      writeWhole(certificateFile, next)
      open = read(certificateFile, keyFile, now())
    }
    return open
  }

  return {
    get bundle() {
      return present().bundle
    },
    prepare: () => void present(),
    term: (): AuthorityTerm | null => {
      if (!existsSync(certificateFile)) return null
      const { isOwn, certificate } = present()
      return { endsAt: endOf(certificate), renewable: isOwn }
    },
    issue: (subject, places, fixed = false): NodeCertificate => {
      const { bundle, key, certificate, between } = present()
      const authorityEnds = endOf(certificate)
      const until = fixed ? authorityEnds : Math.min(now() + nodeMs, authorityEnds)
      const validity = { from: Math.min(now() - nodeBeforeMs, until - dayMs), until }
      const issued = createNodeCertificate(issuerOf(certificate, key), subject, places, validity)
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
