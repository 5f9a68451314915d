/** X.509 certificates (RFC 5280): an authority that signs itself, and nodes that it, or a user's own, signs. */
import {
  createHash,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  type X509Certificate,
} from 'node:crypto'
import { isIPv4 } from 'node:net'
import {
  bits,
  boolean,
  elements,
  explicit,
  implicit,
  integer,
  nothing,
  objectId,
  octets,
  pem,
  sequence,
  set,
  text,
  time,
} from './der.ts'

/** PEM of a certificate and of its private key (PKCS #8). */
export interface Certified {
  readonly certificate: string
  readonly key: string
}

export interface Validity {
  /** Milliseconds since 1970. */
  readonly from: number
  readonly until: number
}

export interface Issuer {
  /** Its subject, as it stands in its certificate: verifiers compare it byte by byte. */
  readonly name: Buffer
  readonly key: KeyObject
  /** Subject key identifier of its certificate; null where it has none. */
  readonly keyId: Buffer | null
}

/** How a signature is made with a key of this type, and what it is called (RFC 3279, 5758, 8410). */
const signatures: Readonly<Record<string, { readonly hash: string | null; readonly name: Buffer }>> = {
  ec: { hash: 'sha256', name: sequence(objectId('1.2.840.10045.4.3.2')) },
  rsa: { hash: 'sha256', name: sequence(objectId('1.2.840.113549.1.1.11'), nothing) },
  ed25519: { hash: null, name: sequence(objectId('1.3.101.112')) },
}
/** Keys that an authority may have. */
export const signingKeys: readonly string[] = Object.keys(signatures)

const commonName = objectId('2.5.4.3')
const serialBytes = 16

const nameOf = (name: string): Buffer => sequence(set(sequence(commonName, text(name))))

const extension = (id: string, isCritical: boolean, value: Buffer): Buffer =>
  sequence(objectId(id), ...(isCritical ? [boolean(true)] : []), octets(value))

const publicKeyOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' })
const keyIdOf = (key: KeyObject): Buffer => createHash('sha1').update(publicKeyOf(key)).digest()

const subjectKeyIdentifier = objectId('2.5.29.14')

/** What certificates that this one signs have to say of it. */
export const issuerOf = (certificate: X509Certificate, key: KeyObject): Issuer => {
  const [content = nothing] = elements(certificate.raw)
  // version, serial number, signature, issuer, validity, subject, ...; the extensions are last.
  const parts = elements(content)
  const extensions = elements(elements(parts.at(-1) ?? nothing)[0] ?? nothing)
  const found = extensions.find((extension) => elements(extension)[0]?.equals(subjectKeyIdentifier))
  const value = found === undefined ? undefined : elements(found).at(-1)
  // An OCTET STRING within an OCTET STRING.
  const keyId = value === undefined ? null : (elements(value)[0]?.subarray(2) ?? null)
  return { name: parts[5] ?? nothing, key, keyId }
}

const basicConstraints = (isAuthority: boolean): Buffer =>
  extension('2.5.29.19', true, isAuthority ? sequence(boolean(true)) : sequence())
/** The bits that count from the left: digitalSignature 0, keyCertSign 5, cRLSign 6. */
const authorityUsage = extension('2.5.29.15', true, bits(Buffer.from([0b0000_0110]), 1))
const nodeUsage = extension('2.5.29.15', true, bits(Buffer.from([0b1000_0000]), 7))
/** A node is a server to its clients, and a client to its primary and on the cluster bus. */
const serverAndClient = extension('2.5.29.37', false, sequence(objectId('1.3.6.1.5.5.7.3.1'), objectId('1.3.6.1.5.5.7.3.2')))
const subjectKeyId = (key: KeyObject): Buffer => extension('2.5.29.14', false, octets(keyIdOf(key)))
const authorityKeyId = (keyId: Buffer): Buffer => extension('2.5.29.35', false, sequence(implicit(0, keyId)))

/** Names, and addresses of IPv4. */
const alternativeNames = (places: readonly string[]): Buffer =>
  extension(
    '2.5.29.17',
    false,
    sequence(
      ...places.map((place) =>
        isIPv4(place) ? implicit(7, Buffer.from(place.split('.').map(Number))) : implicit(2, Buffer.from(place, 'latin1')),
      ),
    ),
  )

const signed = (
  issuer: Issuer,
  subject: string,
  key: KeyObject,
  { from, until }: Validity,
  extensions: readonly Buffer[],
): string => {
  const how = signatures[issuer.key.asymmetricKeyType ?? '']
  if (how === undefined) throw new TypeError(`expected a key of ${signingKeys.join(', ')}, found ${issuer.key.asymmetricKeyType}`)
  const content = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(randomBytes(serialBytes)),
    how.name,
    issuer.name,
    sequence(time(from), time(until)),
    nameOf(subject),
    publicKeyOf(key),
    explicit(3, sequence(...extensions)),
  )
  return pem('CERTIFICATE', sequence(content, how.name, bits(sign(how.hash, content, issuer.key))))
}

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const keyText = (key: KeyObject): string => String(key.export({ type: 'pkcs8', format: 'pem' }))

/** A certificate of an authority that signs itself. Another one for the same name and key is good for all that the first has signed. */
export const renewAuthority = (issuer: Issuer, name: string, validity: Validity): string =>
  signed(issuer, name, issuer.key, validity, [basicConstraints(true), authorityUsage, subjectKeyId(issuer.key)])

export const createAuthority = (name: string, validity: Validity): Certified => {
  const key = newKey()
  return { certificate: renewAuthority({ name: nameOf(name), key, keyId: null }, name, validity), key: keyText(key) }
}

/** A certificate for whoever answers at these names and addresses, with a key of its own. */
export const createNodeCertificate = (issuer: Issuer, name: string, places: readonly string[], validity: Validity): Certified => {
  const key = newKey()
  const certificate = signed(issuer, name, key, validity, [
    basicConstraints(false),
    nodeUsage,
    serverAndClient,
    subjectKeyId(key),
    ...(issuer.keyId === null ? [] : [authorityKeyId(issuer.keyId)]),
    alternativeNames(places),
  ])
  return { certificate, key: keyText(key) }
}
