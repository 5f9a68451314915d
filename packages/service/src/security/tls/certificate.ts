/** X.509 certificates (RFC 5280) on P-256 keys: an authority that signs itself, and nodes that it signs. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { bits, boolean, explicit, implicit, integer, objectId, octets, pem, sequence, set, text, time } from './der.ts'

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
  readonly name: string
  readonly key: KeyObject
}

const ecdsaWithSha256 = sequence(objectId('1.2.840.10045.4.3.2'))
const commonName = objectId('2.5.4.3')
const serialBytes = 16

const nameOf = (name: string): Buffer => sequence(set(sequence(commonName, text(name))))

const extension = (id: string, isCritical: boolean, value: Buffer): Buffer =>
  sequence(objectId(id), ...(isCritical ? [boolean(true)] : []), octets(value))

const publicKeyOf = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' })
const keyIdOf = (key: KeyObject): Buffer => createHash('sha1').update(publicKeyOf(key)).digest()

const basicConstraints = (isAuthority: boolean): Buffer =>
  extension('2.5.29.19', true, isAuthority ? sequence(boolean(true)) : sequence())
/** The bits that count from the left: digitalSignature 0, keyCertSign 5, cRLSign 6. */
const authorityUsage = extension('2.5.29.15', true, bits(Buffer.from([0b0000_0110]), 1))
const nodeUsage = extension('2.5.29.15', true, bits(Buffer.from([0b1000_0000]), 7))
/** A node is a server to its clients, and a client to its primary and on the cluster bus. */
const serverAndClient = extension('2.5.29.37', false, sequence(objectId('1.3.6.1.5.5.7.3.1'), objectId('1.3.6.1.5.5.7.3.2')))
const subjectKeyId = (key: KeyObject): Buffer => extension('2.5.29.14', false, octets(keyIdOf(key)))
const authorityKeyId = (key: KeyObject): Buffer => extension('2.5.29.35', false, sequence(implicit(0, keyIdOf(key))))

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
  const content = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(randomBytes(serialBytes)),
    ecdsaWithSha256,
    nameOf(issuer.name),
    sequence(time(from), time(until)),
    nameOf(subject),
    publicKeyOf(key),
    explicit(3, sequence(...extensions)),
  )
  return pem('CERTIFICATE', sequence(content, ecdsaWithSha256, bits(sign('sha256', content, issuer.key))))
}

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
const keyText = (key: KeyObject): string => String(key.export({ type: 'pkcs8', format: 'pem' }))

export const createAuthority = (name: string, validity: Validity): Certified => {
  const key = newKey()
  const certificate = signed({ name, key }, name, key, validity, [basicConstraints(true), authorityUsage, subjectKeyId(key)])
  return { certificate, key: keyText(key) }
}

/** A certificate for whoever answers at these names and addresses, with a key of its own. */
export const createNodeCertificate = (issuer: Issuer, name: string, places: readonly string[], validity: Validity): Certified => {
  const key = newKey()
  const certificate = signed(issuer, name, key, validity, [
    basicConstraints(false),
    nodeUsage,
    serverAndClient,
    subjectKeyId(key),
    authorityKeyId(issuer.key),
    alternativeNames(places),
  ])
  return { certificate, key: keyText(key) }
}
