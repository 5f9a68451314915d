/** An archive of our own, made from an engine that is installed, and the real package client. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { LarderError } from '../errors.ts'
import type { InstalledEngine } from '../ports/catalog.ts'
import type { AptSource } from './apt-sources.ts'
import { openCatalog } from './catalog.ts'
import { openInstaller } from './install.ts'
import { parseMadison } from './install-archive.ts'
import { machineOf } from './install-machine.ts'
import { readProvenance } from './installed.ts'
import type { KnownEngine } from './known.ts'
import { findTool } from './tools.ts'

const machine = machineOf(process.arch)
const model = openCatalog(process.env)
  .list()
  .find((entry) => entry.engine === 'memcached' && entry.source === 'installed')
const version = model?.version ?? ''
const skip =
  model === undefined || ['apt-get', 'dpkg-deb'].some((name) => findTool(name, process.env) === null)
    ? 'needs apt and an installed Memcached'
    : false

const wanted = (change: Partial<KnownEngine> = {}): KnownEngine => ({
  engine: 'memcached',
  version: version.split('.').slice(0, 2).join('.'),
  suites: [['sid']],
  package: 'memcached',
  binary: 'memcached',
  server: 'memcached',
  tools: [],
  ...change,
})

describe('an installation', { skip }, () => {
  let base = ''
  let archive = ''
  let engines = ''
  before(() => {
    base = mkdtempSync(join(tmpdir(), 'larder-test-'))
    makePackage('libc6', '2.99-1', [['lib', `usr/lib/${machine.libraries}`]])
    makePackage('memcached', `2:${version}-1+deb12u1`, [['bin', 'usr/bin']], 'libc6 (>= 2.0)')
    const library = (name: string): readonly [string, string] => [`lib/${name}`, `usr/lib/${machine.libraries}/${name}`]
    makePackage('plain', '1.0-1', [['lib/sasl2', `usr/lib/${machine.libraries}/sasl2`]])
    makePackage('lonely', '1.0-1', [['bin', 'usr/bin'], library(machine.loader), library('libc.so.6')])
  })
  after(() => rmSync(base, { recursive: true, force: true }))
  beforeEach(() => {
    archive = mkdtempSync(join(base, 'archive-'))
    engines = join(mkdtempSync(join(base, 'home-')), 'engines')
    publish('sid', packageFiles())
  })
  afterEach(() => rmSync(archive, { recursive: true, force: true }))

  const packageFiles = (): readonly string[] => readdirSync(base).filter((name) => name.endsWith('.deb'))

  const makePackage = (name: string, full: string, folders: readonly (readonly [string, string])[], needs = ''): void => {
    const root = mkdtempSync(join(base, 'package-'))
    for (const [from, to] of folders) cpSync(join(model?.path ?? '', from), join(root, to), { recursive: true })
    mkdirSync(join(root, 'DEBIAN'))
    const fields = [
      `Package: ${name}`,
      `Version: ${full}`,
      `Architecture: ${machine.architecture}`,
      'Maintainer: Nobody <nobody@example.com>',
      ...(needs === '' ? [] : [`Depends: ${needs}`]),
      'Description: for a test',
    ]
    writeFileSync(join(root, 'DEBIAN/control'), `${fields.join('\n')}\n`)
    const file = join(base, `${name}_${full.replace(/^\d+:/, '')}_${machine.architecture}.deb`)
    execFileSync('dpkg-deb', ['--build', '--root-owner-group', '-Znone', root, file], { stdio: 'ignore' })
    rmSync(root, { recursive: true })
  }

  const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')

  /** Puts packages into the archive as a suite of it. */
  const publish = (suite: string, files: readonly string[]): void => {
    const index = files.map((file) => {
      cpSync(join(base, file), join(archive, 'pool', file))
      const data = readFileSync(join(base, file))
      const control = execFileSync('dpkg-deb', ['-f', join(base, file)], { encoding: 'utf8' })
      return `${control}Filename: pool/${file}\nSize: ${data.length}\nSHA256: ${sha256(data)}\n`
    })
    const text = index.join('\n')
    const name = `main/binary-${machine.architecture}/Packages`
    mkdirSync(join(archive, `dists/${suite}/main/binary-${machine.architecture}`), { recursive: true })
    writeFileSync(join(archive, `dists/${suite}/${name}`), text)
    const release = [
      `Suite: ${suite}`,
      `Architectures: ${machine.architecture}`,
      'Components: main',
      'Date: Thu, 01 Jan 2026 00:00:00 UTC',
      'SHA256:',
      ` ${sha256(text)} ${text.length} ${name}`,
    ]
    writeFileSync(join(archive, `dists/${suite}/Release`), `${release.join('\n')}\n`)
  }

  const sources = (change: Partial<AptSource> = {}): readonly AptSource[] => [
    { uri: `copy:${archive}`, suites: ['sid'], components: ['main'], signedBy: null, trusted: true, ...change },
  ]

  const install = async (engine: KnownEngine, from = sources()): Promise<void> => {
    const installer = openInstaller(engines, from)
    try {
      await installer.engine(engine)
    } finally {
      installer.close()
    }
  }
  const refused = async (engine: KnownEngine, from: readonly AptSource[], expected: RegExp): Promise<void> => {
    await assert.rejects(
      install(engine, from),
      (error) => error instanceof LarderError && error.code === 'engine-install' && expected.test(error.message),
    )
    assert.deepEqual(readdirSync(engines), [], 'nothing is left of an attempt that failed')
  }
  const installedVersion = (): string | undefined =>
    openCatalog({ LARDER_ENGINES: engines, PATH: '' }).find('memcached', '1.6')?.version

  it('holds the program, its libraries and where they came from, and starts', async () => {
    await install(wanted())
    const found = openCatalog({ LARDER_ENGINES: engines, PATH: '' }).find('memcached', version)
    assert.ok(found)
    const [program = '', ...args] = found.command
    assert.equal(execFileSync(program, [...args, '--version'], { encoding: 'utf8' }).trim(), `memcached ${version}`)
    const provenance = readProvenance(found.path)
    const described = packageFiles()
      .filter((file) => !/^(lonely|plain)/.test(file))
      .map((file) => ({ file, sha256: sha256(readFileSync(join(base, file))) }))
    assert.deepEqual(
      provenance?.packages.map((one) => ({ ...one })),
      [
        { name: 'libc6', version: '2.99-1', sha256: described[0]?.sha256 },
        { name: 'memcached', version: `2:${version}-1+deb12u1`, sha256: described[1]?.sha256 },
      ],
    )
    assert.deepEqual(readdirSync(engines), [`memcached-${wanted().version}`])
  })

  it('is left as it is when it is there, and replaced when it is damaged', async () => {
    await install(wanted())
    await install(wanted(), [])
    const folder = join(engines, `memcached-${wanted().version}`)
    writeFileSync(join(folder, 'installed.json'), '')
    assert.equal(installedVersion(), undefined)
    await install(wanted())
    assert.equal(installedVersion(), version)
    assert.deepEqual(readdirSync(engines), [`memcached-${wanted().version}`])
  })

  it('has the plugins that belong to it, and is made anew where they came later', async () => {
    const found = (): InstalledEngine | null => openCatalog({ LARDER_ENGINES: engines, PATH: '' }).find('memcached', version)
    await install(wanted())
    assert.equal(found()?.saslPlugins, undefined)
    const plugins = { folder: 'sasl2', packages: ['plain'], files: ['libplain.so', 'libsasldb.so'] }
    await install(wanted({ plugins }))
    const folder = found()?.saslPlugins
    assert.equal(folder, join(engines, `memcached-${wanted().version}`, 'lib/sasl2'))
    assert.deepEqual(readdirSync(folder).toSorted(), plugins.files)
    await install(wanted({ plugins }), [])
    const missing = { ...plugins, files: ['libnothing.so'] }
    await assert.rejects(install(wanted({ plugins: missing })), /expected libnothing\.so in the packages/)
    assert.equal(installedVersion(), version)
  })

  it('is updated beside what is there, once, and what runs keeps its own', async () => {
    const update = async (): Promise<boolean> => {
      const installer = openInstaller(engines, sources())
      try {
        return await installer.update(wanted())
      } finally {
        installer.close()
      }
    }
    const first = wanted().version
    assert.equal(await update(), true, 'where nothing is there it is installed')
    assert.equal(await update(), false, 'the archive has nothing newer')
    const { command: before = [] } = openCatalog({ LARDER_ENGINES: engines, PATH: '' }).find('memcached', first) ?? {}
    // The same version with a library that has its holes mended, as distributions do it.
    makePackage('libc6', '2.99-1+deb99u1', [['lib', `usr/lib/${machine.libraries}`]])
    try {
      publish('sid', packageFiles())
      assert.deepEqual(await Promise.all([update(), update()]), [true, true])
      assert.equal(await update(), false)
      assert.deepEqual(readdirSync(engines).toSorted(), [`memcached-${first}`, `memcached-${first}-2`])
      const now = openCatalog({ LARDER_ENGINES: engines, PATH: '' })
      assert.equal(
        now.find('memcached', first)?.path,
        join(engines, `memcached-${first}-2`),
        'the next start takes the newer one',
      )
      const [program = '', ...args] = before
      assert.equal(execFileSync(program, [...args, '--version'], { encoding: 'utf8' }).trim(), `memcached ${version}`)
    } finally {
      for (const file of packageFiles()) if (file.startsWith('libc6_2.99-1+deb99u1')) rmSync(join(base, file))
    }
  })

  it('says what the archive has now, without fetching it', async () => {
    const installer = openInstaller(engines, sources())
    try {
      assert.deepEqual(await installer.offered(wanted()), [
        { name: 'libc6', version: '2.99-1' },
        { name: 'memcached', version: `2:${version}-1+deb12u1` },
      ])
    } finally {
      installer.close()
    }
    assert.deepEqual(readdirSync(engines), [])
  })

  it('may be made by several at once', async () => {
    await Promise.all([install(wanted()), install(wanted()), install(wanted())])
    assert.equal(installedVersion(), version)
    assert.deepEqual(readdirSync(engines), [`memcached-${wanted().version}`])
  })

  it('is refused from an archive without a signature', () =>
    refused(wanted(), sources({ trusted: false }), /^fetching the package index failed \(.*is not signed/))

  it('is refused when a package is not what the index says', async () => {
    const [file = ''] = packageFiles().filter((name) => name.startsWith('memcached'))
    const damaged = readFileSync(join(base, file))
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1
    writeFileSync(join(archive, 'pool', file), damaged)
    await refused(wanted(), sources(), /^fetching memcached failed \(.*Hash Sum mismatch/)
  })

  it('is refused when the index is not what its release says', async () => {
    appendFileSync(join(archive, `dists/sid/main/binary-${machine.architecture}/Packages`), '\n')
    await refused(wanted(), sources(), /^fetching the package index failed \(/)
  })

  it('takes the next suites where the first do not have the version, and says what the first have when none does', async () => {
    publish(
      'forky',
      packageFiles().filter((name) => name.startsWith('lib')),
    )
    await install(wanted({ suites: [['forky'], ['sid']] }))
    assert.equal(installedVersion(), version)
    rmSync(engines, { recursive: true })
    const expected = new RegExp(
      `^expected version 1\\.5 of memcached in the archive, found 2:${version.replaceAll('.', '\\.')}-1`,
    )
    await refused(wanted({ version: '1.5', suites: [['sid'], ['forky']] }), sources(), expected)
  })

  it('is refused where a library is not in the packages, also when this machine has it', () =>
    refused(wanted({ version: '1.0', package: 'lonely' }), sources(), /^expected lib\S+ for memcached in the packages, found: /))

  it('is refused on a machine without a Debian archive', () =>
    refused(wanted(), sources({ suites: ['noble'] }), /expected a Debian archive in the apt configuration/))

  it('removes what a run left that was killed long ago, and nothing of one that may be running', async () => {
    for (const name of ['.installing-old', '.installing-new']) mkdirSync(join(engines, name), { recursive: true })
    const longAgo = Date.now() / 1000 - 7_200
    utimesSync(join(engines, '.installing-old'), longAgo, longAgo)
    await install(wanted())
    assert.deepEqual(readdirSync(engines).sort(), ['.installing-new', `memcached-${wanted().version}`])
  })
})

describe('versions in an archive', () => {
  it('are read once each, newest first', () => {
    const text = `valkey-tools |    9.1.2-1 | http://mirror.example/debian sid/main amd64 Packages
valkey-tools |    9.1.2-1 | http://mirror.example/debian forky/main amd64 Packages
valkey-tools | 8.0.1+dfsg1-1~bpo12+1 | http://mirror.example/debian bookworm-backports/main amd64 Packages
`
    assert.deepEqual(parseMadison(text), ['9.1.2-1', '8.0.1+dfsg1-1~bpo12+1'])
    assert.deepEqual(parseMadison(''), [])
  })
})
