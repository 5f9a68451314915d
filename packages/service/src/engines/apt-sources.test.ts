import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type AptSource, readAptSources, sourceLines } from './apt-sources.ts'

const folders: string[] = []
after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A folder in the manner of /etc/apt. */
const configured = (files: Readonly<Record<string, string>>): readonly AptSource[] => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  folders.push(folder)
  mkdirSync(join(folder, 'sources.list.d'))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return readAptSources(folder)
}

describe('the apt configuration of the machine', () => {
  it('is read in the style of one line each', () => {
    const found = configured({
      'sources.list': `# the archive
deb http://mirror.example/debian bookworm main contrib # all of it
deb-src http://mirror.example/debian bookworm main
  deb [arch=amd64 signed-by=/etc/keys/ours.gpg] https://ours.example/debian  bookworm-security   main
deb [trusted=yes] file:/srv/debian ./
`,
    })
    assert.deepEqual(found, [
      {
        uri: 'http://mirror.example/debian',
        suites: ['bookworm'],
        components: ['main', 'contrib'],
        signedBy: null,
        trusted: false,
      },
      {
        uri: 'https://ours.example/debian',
        suites: ['bookworm-security'],
        components: ['main'],
        signedBy: '/etc/keys/ours.gpg',
        trusted: false,
      },
      { uri: 'file:/srv/debian', suites: ['./'], components: [], signedBy: null, trusted: true },
    ])
  })

  it('is read in the style of stanzas, with values that go on, comments, several places and what is switched off', () => {
    const found = configured({
      'sources.list.d/debian.sources': `# made by the installer
Types: deb deb-src
URIs: http://one.example/debian
 http://two.example/debian
Suites: bookworm
# a comment inside
  bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

types: deb
uris: http://inline.example/debian
suites: trixie
components: main
trusted: yes
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abcd
`,
      'sources.list.d/notes.txt': 'deb http://ignored.example/debian bookworm main\n',
    })
    const debian = { suites: ['bookworm', 'bookworm-updates'], components: ['main'], trusted: false }
    const signedBy = '/usr/share/keyrings/debian-archive-keyring.gpg'
    assert.deepEqual(found, [
      { uri: 'http://one.example/debian', ...debian, signedBy },
      { uri: 'http://two.example/debian', ...debian, signedBy },
      { uri: 'http://inline.example/debian', suites: ['trixie'], components: ['main'], signedBy: null, trusted: true },
    ])
  })

  it('may be missing', () => {
    assert.deepEqual(readAptSources(join(tmpdir(), 'larder-test-there-is-none')), [])
  })
})

describe('lines for the suites of an engine', () => {
  const source = (uri: string, suites: readonly string[], rest: Partial<AptSource> = {}): AptSource => ({
    uri,
    suites,
    components: ['main'],
    signedBy: null,
    trusted: false,
    ...rest,
  })
  const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

  it('take the archive of Debian and no other, whatever suite of it the machine uses', () => {
    const sources = [
      source('https://vendor.example/apt', ['vendor-bookworm']),
      source('https://stable.example/apt', ['stable'], { components: ['stable'] }),
      source('http://mirror.example/debian', ['trixie', 'trixie-updates'], { signedBy: '/keys/own.gpg' }),
    ]
    assert.deepEqual(sourceLines(sources, ['sid']), ['deb [signed-by=/keys/own.gpg] http://mirror.example/debian sid main'])
  })

  it('take security suites from the security archive, and leave them out where there is none', () => {
    const main = source('http://mirror.example/debian', ['bookworm'])
    const security = source('http://mirror.example/debian-security', ['bookworm-security'])
    const suites = ['bookworm', 'bookworm-security']
    assert.deepEqual(sourceLines([main, security], suites), [
      `deb [signed-by=${keyring}] http://mirror.example/debian bookworm main`,
      `deb [signed-by=${keyring}] http://mirror.example/debian-security bookworm-security main`,
    ])
    assert.deepEqual(sourceLines([main], suites), [`deb [signed-by=${keyring}] http://mirror.example/debian bookworm main`])
  })

  it('are none where the machine has no Debian archive', () => {
    assert.deepEqual(sourceLines([source('http://mirror.example/ubuntu', ['noble', 'noble-updates'])], ['sid']), [])
  })
})
