import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../home/testing.ts'
import { parseDeb822, parseOneLine, readAptSources, sourceLines } from './apt-sources.ts'

test('lines of the old style are read, with and without options; everything else is passed over', () => {
  const text = `
# deb http://archive.example/old bookworm main
deb http://archive.example/debian bookworm main contrib
deb-src http://archive.example/debian bookworm main
  deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] http://archive.example/security bookworm-security main
deb cdrom:
`
  assert.deepEqual(parseOneLine(text), [
    { uri: 'http://archive.example/debian', suites: ['bookworm'], components: ['main', 'contrib'], signedBy: null },
    {
      uri: 'http://archive.example/security',
      suites: ['bookworm-security'],
      components: ['main'],
      signedBy: '/usr/share/keyrings/x.gpg',
    },
  ])
})

test('stanzas of the new style are read: several suites, values over lines, what is switched off', () => {
  const text = `# the archive
Types: deb deb-src
URIs: http://archive.example/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/x.gpg

Types: deb
URIs: http://archive.example/off
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://archive.example/sources
Suites: bookworm
Components: main

types: deb
uris: http://archive.example/a http://archive.example/b
suites: sid
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----
`
  assert.deepEqual(parseDeb822(text), [
    {
      uri: 'http://archive.example/debian',
      suites: ['bookworm', 'bookworm-updates'],
      components: ['main'],
      signedBy: '/usr/share/keyrings/x.gpg',
    },
    { uri: 'http://archive.example/a', suites: ['sid'], components: ['main'], signedBy: null },
    { uri: 'http://archive.example/b', suites: ['sid'], components: ['main'], signedBy: null },
  ])
})

test('all files of a configuration are read, in the order of the package client; a machine without any has no sources', () => {
  using folder = temporaryFolder()
  assert.deepEqual(readAptSources(join(folder.path, 'none')), [])
  const parts = join(folder.path, 'sources.list.d')
  mkdirSync(parts)
  writeFileSync(join(folder.path, 'sources.list'), 'deb http://one.example/debian bookworm main\n')
  writeFileSync(join(parts, 'b.list'), 'deb http://two.example/debian bookworm main\n')
  writeFileSync(join(parts, 'c.sources'), 'Types: deb\nURIs: http://three.example/debian\nSuites: sid\nComponents: main\n')
  writeFileSync(join(parts, 'd.list.disabled'), 'deb http://four.example/debian bookworm main\n')
  assert.deepEqual(
    readAptSources(folder.path).map(({ uri }) => new URL(uri).hostname),
    ['one.example', 'two.example', 'three.example'],
  )
})

test('suites are asked of the archive that the machine uses for them, and packages of others are not taken for Debian’s', () => {
  const source = (uri: string, suites: readonly string[], components = ['main'], signedBy: string | null = null) => ({
    uri,
    suites,
    components,
    signedBy,
  })
  const sources = [
    source('http://tool.example/apt', ['stable'], ['tool']),
    source('http://archive.example/debian', ['bookworm', 'bookworm-updates'], ['main'], '/k.gpg'),
    source('http://archive.example/security', ['bookworm-security']),
  ]
  assert.deepEqual(sourceLines(sources, ['sid', 'bookworm-security']), [
    'deb [signed-by=/k.gpg] http://archive.example/debian sid main',
    'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://archive.example/security bookworm-security main',
  ])
  assert.deepEqual(sourceLines(sources.slice(0, 2), ['bookworm', 'bookworm-security']).length, 1)
  assert.deepEqual(sourceLines(sources.slice(0, 1), ['sid']), [])
})
