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

const dayMs = 86_400_000
const yearMs = 365 * dayMs

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
    assert.ok(Math.abs(Date.parse(certificate.validTo) - Date.now() - 400 * dayMs) < 2_000)
    assert.notEqual(authority.issue('demo-001', []).key, issued.key)
    assert.notEqual(new X509Certificate(authority.issue('x', []).certificate).serialNumber, certificate.serialNumber)
  }))

/** What a client hears who trusts `ca` and wants to reach `host`; the message of the error where it comes to nothing. */
const askWith = (port: number, ca: string | undefined, host: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
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

const serving = async (
  { certificate, key }: { readonly certificate: string; readonly key: string },
  work: (ask: (ca: string | undefined, host: string) => Promise<string>) => Promise<void>,
): Promise<void> => {
  const server = createServer({ cert: certificate, key }, (socket) => socket.end('hello'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  assert.ok(typeof address === 'object' && address !== null)
  try {
    await work((ca, host) => askWith(address.port, ca, host))
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

test('clients who trust the authority connect, and others do not', () =>
  inFolder(async (folder) => {
    const authority = openAuthority(folder, Date.now)
    await serving(authority.issue('node', ['127.0.0.1']), async (ask) => {
      assert.equal(await ask(authority.bundle, '127.0.0.1'), 'hello')
      assert.match(await ask(undefined, '127.0.0.1'), /unable to verify|self.signed/)
      assert.match(await ask(authority.bundle, '127.0.0.2'), /another address/)
    })
  }))

const certificatesIn = (bundle: string): readonly string[] =>
  bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []

/** Milliseconds by which the clock was wrong while the authority, and then the node's certificate, were made. */
const wrongClocks: readonly (readonly [what: string, authority: number, node: number])[] = [
  ['a year ahead', 0, yearMs - dayMs],
  ['a year back', 0, -yearMs],
  ['a year ahead since the home was made', yearMs, yearMs - dayMs],
  ['a year back since the home was made', -yearMs, -yearMs],
  ['eight years back when the home was made', -8 * yearMs, 0],
  ['nine years ahead when the home was made', 9 * yearMs, 0],
]
for (const [what, authorityWrong, nodeWrong] of wrongClocks)
  test(`a certificate that was made by a clock ${what} is good now`, () =>
    inFolder(async (folder) => {
      assert.ok(openAuthority(folder, () => Date.now() + authorityWrong).bundle)
      const authority = openAuthority(folder, () => Date.now() + nodeWrong)
      await serving(authority.issue('node', ['127.0.0.1']), async (ask) => {
        assert.equal(await ask(authority.bundle, '127.0.0.1'), 'hello')
      })
    }))

for (const [what, madeAt, oldIsGood] of [
  ['two years before its end', -9 * yearMs, true],
  ['after its end', -11 * yearMs, false],
  ['where it is not valid yet', 11 * yearMs, false],
] as const)
  test(`the authority is renewed ${what}; both certificates stand in the bundle, and what it signs is good for whoever trusts either`, () =>
    inFolder(async (folder) => {
      const before = openAuthority(folder, () => Date.now() + madeAt).bundle
      const authority = openAuthority(folder, Date.now)
      const issued = authority.issue('node', ['127.0.0.1'])
      const [fresh = '', old, ...more] = certificatesIn(authority.bundle)
      assert.deepEqual([old, more], [before.trim(), []])
      assert.equal(authority.bundle, openAuthority(folder, Date.now).bundle, 'once')
      assert.equal(issued.authority, authority.bundle, 'nodes trust both')
      assert.ok((authority.term()?.endsAt ?? 0) > Date.now() + 9 * yearMs)
      await serving(issued, async (ask) => {
        assert.equal(await ask(authority.bundle, '127.0.0.1'), 'hello')
        assert.equal(await ask(fresh, '127.0.0.1'), 'hello')
        if (oldIsGood) assert.equal(await ask(before, '127.0.0.1'), 'hello')
      })
    }))

test('the authority of a running service is renewed too, and its bundle holds four certificates at most', () =>
  inFolder((folder) => {
    let now = Date.now()
    const authority = openAuthority(folder, () => now)
    const made = authority.bundle
    for (let year = 1; year <= 60; year += 1) {
      now += yearMs
      assert.ok(Date.parse(new X509Certificate(authority.issue('node', []).certificate).validTo) > now + yearMs)
      assert.ok((authority.term()?.endsAt ?? 0) - now >= 2 * yearMs - dayMs)
    }
    assert.equal(certificatesIn(authority.bundle).length, 4)
    assert.ok(!authority.bundle.includes(made))
  }))

test('an authority is made once, readable by its user alone, and refused when its files do not belong together', () =>
  inFolder((folder) => {
    const first = openAuthority(folder, Date.now)
    assert.equal(openAuthority(folder, Date.now).bundle, first.bundle)
    for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o077, 0)
    writeFileSync(join(folder, 'ca.key'), first.issue('other', []).key)
    const again = openAuthority(folder, Date.now)
    assert.throws(() => again.bundle, { code: 'store-corrupt' })
    assert.throws(() => again.issue('node', []), { code: 'store-corrupt' })
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

      const authority = openAuthority(folder, Date.now)
      const issued = authority.issue('node', ['127.0.0.1'])
      assert.equal(authority.term()?.renewable, false)
      assert.equal(certificatesIn(authority.bundle).length, 2, 'it is left as it is, however near its end is')
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
    const open = (): string => openAuthority(folder, Date.now).bundle
    assert.ok(open())
    writeFileSync(join(folder, 'ca.key'), 'nothing')
    assert.throws(open, /expected a private key .* without a passphrase/)
    const { privateKey } = generateKeyPairSync('ed448')
    writeFileSync(join(folder, 'ca.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
    assert.throws(open, /expected a key of ec, rsa, ed25519 .* found ed448/)
    writeFileSync(join(folder, 'ca.crt'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    assert.throws(open, /expected certificates/)
  }))
