/** What is issued is read by others: Node's own reader, and a TLS connection that is checked. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect, createServer } from 'node:tls'
import { openAuthority } from './authority.ts'

const inFolder = async (work: (folder: string) => Promise<void> | void): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('a node’s certificate names its places, is signed by the authority, and has a key of its own', () =>
  inFolder((folder) => {
    const authority = openAuthority(folder, Date.now)
    const issued = authority.issue('demo-001', ['127.65.0.1', '127.64.0.1', 'demo.local'])
    const certificate = new X509Certificate(issued.certificate)
    const root = new X509Certificate(authority.bundle)
    assert.ok(root.ca && root.verify(root.publicKey) && root.checkIssued(root))
    assert.ok(certificate.verify(root.publicKey) && certificate.checkIssued(root) && !certificate.ca)
    assert.ok(certificate.checkPrivateKey(createPrivateKey(issued.key)))
    assert.equal(certificate.subjectAltName, 'IP Address:127.65.0.1, IP Address:127.64.0.1, DNS:demo.local')
    assert.equal(certificate.checkIP('127.64.0.1'), '127.64.0.1')
    assert.equal(certificate.checkIP('127.64.0.2'), undefined)
    assert.ok(Math.abs(Date.parse(certificate.validTo) - Date.now() - 90 * 86_400_000) < 2_000)
    assert.notEqual(authority.issue('demo-001', []).key, issued.key)
    assert.notEqual(new X509Certificate(authority.issue('x', []).certificate).serialNumber, certificate.serialNumber)
  }))

test('clients who trust the authority connect, and others do not', () =>
  inFolder(async (folder) => {
    const authority = openAuthority(folder, Date.now)
    const { certificate, key } = authority.issue('node', ['127.0.0.1'])
    const server = createServer({ cert: certificate, key }, (socket) => socket.end('hello'))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    assert.ok(typeof address === 'object' && address !== null)
    const ask = (ca: string | undefined, host: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect({
          host: '127.0.0.1',
          port: address.port,
          ...(ca === undefined ? {} : { ca }),
          servername: '',
          checkServerIdentity: (_name, cert) =>
            new X509Certificate(cert.raw).checkIP(host) === undefined ? new Error('another address') : undefined,
        })
        let said = ''
        socket.on('data', (chunk: Buffer) => {
          said += chunk.toString()
        })
        socket.on('error', (error) => resolve(error.message))
        socket.on('end', () => resolve(said))
      })
    assert.equal(await ask(authority.bundle, '127.0.0.1'), 'hello')
    assert.match(await ask(undefined, '127.0.0.1'), /unable to verify|self.signed/)
    assert.match(await ask(authority.bundle, '127.0.0.2'), /another address/)
    await new Promise((resolve) => server.close(resolve))
  }))

test('an authority is made once, readable by its user alone, and refused when its files do not belong together', () =>
  inFolder((folder) => {
    const first = openAuthority(folder, Date.now)
    assert.equal(openAuthority(folder, Date.now).bundle, first.bundle)
    for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o077, 0)
    writeFileSync(join(folder, 'ca.key'), first.issue('other', []).key)
    assert.throws(() => openAuthority(folder, Date.now), { code: 'store-corrupt' })
  }))

const hasOpenssl = spawnSync('openssl', ['version']).status === 0
const openssl = (folder: string, ...args: readonly string[]): void => {
  const { status, stderr, stdout } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, stderr + stdout)
}

for (const [name, keyOptions] of [
  ['RSA', ['-newkey', 'rsa:2048']],
  ['P-384', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
  ['Ed25519', ['-newkey', 'ed25519']],
] as const)
  test(`an authority of the user’s own with a key of ${name} signs, also below another one`, { skip: !hasOpenssl }, () =>
    inFolder(async (folder) => {
      const root = [
        '-keyout',
        'root.key',
        '-out',
        'root.crt',
        '-subj',
        '/C=DE/O=Example & Söhne/CN=Root',
        '-days',
        '10',
        '-addext',
        'keyUsage=keyCertSign',
      ]
      openssl(folder, 'req', '-x509', '-utf8', '-noenc', ...keyOptions, ...root)
      const request = ['-keyout', 'ca.key', '-out', 'ca.csr', '-subj', '/C=DE/O=Example/OU=Caches/CN=Caches']
      openssl(folder, 'req', '-noenc', ...keyOptions, ...request)
      writeFileSync(
        join(folder, 'ca.ext'),
        'basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nkeyUsage=keyCertSign\n',
      )
      const by = ['-CA', 'root.crt', '-CAkey', 'root.key', '-CAcreateserial', '-days', '5', '-extfile', 'ca.ext']
      openssl(folder, 'x509', '-req', '-in', 'ca.csr', '-out', 'ca.crt', ...by)
      const rootText = readFileSync(join(folder, 'root.crt'), 'utf8')
      writeFileSync(join(folder, 'ca.crt'), readFileSync(join(folder, 'ca.crt'), 'utf8') + rootText)

      const issued = openAuthority(folder, Date.now).issue('node', ['127.0.0.1'])
      writeFileSync(join(folder, 'node.crt'), issued.certificate)
      openssl(folder, 'verify', '-x509_strict', '-CAfile', 'root.crt', '-untrusted', 'node.crt', 'node.crt')
      const server = createServer({ cert: issued.certificate, key: issued.key }, (socket) => socket.end())
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const address = server.address()
      assert.ok(typeof address === 'object' && address !== null)
      const socket = connect({ host: '127.0.0.1', port: address.port, ca: rootText })
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
      socket.destroy()
      await new Promise((resolve) => server.close(resolve))
      const days = (Date.parse(new X509Certificate(issued.certificate).validTo) - Date.now()) / 86_400_000
      assert.ok(days > 4.9 && days < 5.1, `not longer than its authority: ${days} days`)
    }),
  )

test('an authority that cannot serve is refused in words that say what was expected', () =>
  inFolder((folder) => {
    openAuthority(folder, Date.now)
    assert.throws(() => openAuthority(folder, () => Date.now() + 11 * 365 * 86_400_000), /still valid/)
    writeFileSync(join(folder, 'ca.key'), 'nothing')
    assert.throws(() => openAuthority(folder, Date.now), /expected a private key .* without a passphrase/)
    const { privateKey } = generateKeyPairSync('ed448')
    writeFileSync(join(folder, 'ca.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    assert.throws(() => openAuthority(folder, Date.now), /expected a key of ec, rsa, ed25519 .* found ed448/)
    writeFileSync(join(folder, 'ca.crt'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    assert.throws(() => openAuthority(folder, Date.now), /expected certificates/)
  }))
