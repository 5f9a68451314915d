/** What is issued is read by others: Node's own reader, and a TLS connection that is checked. */
import assert from 'node:assert/strict'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
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
