import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { LarderError } from '../errors.ts'
import { openCatalog } from './catalog.ts'
import { commandIn } from './installed.ts'
import { engineTool, findTool } from './tools.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A program that says this of itself. */
const program = (path: string, says: string, status = 0): string => {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `#!/bin/sh\necho '${says}'\nexit ${status}\n`)
  chmodSync(file, 0o755)
  return file
}

const installed = (
  folderName: string,
  name: string,
  version: string,
  tools: readonly string[] = [],
  installedAt = '2026-11-01',
): string => {
  const target = join(folder, 'engines', folderName)
  mkdirSync(target, { recursive: true })
  const provenance = { name, version, program: `${name}-server`, tools, loader: 'ld.so', packages: [], installedAt }
  writeFileSync(join(target, 'installed.json'), JSON.stringify(provenance))
  return target
}

const environment = (path = '', engines = ''): NodeJS.ProcessEnv => ({
  LARDER_ENGINES: join(folder, 'engines'),
  LARDER_ENGINE_PATH: engines,
  PATH: path,
})
const summary = (env: NodeJS.ProcessEnv): readonly string[] =>
  openCatalog(env)
    .list()
    .map(({ engine, version, source }) => `${engine} ${version} ${source}`)

describe('the catalog', () => {
  it('is empty on a bare machine, and knows what it could install', () => {
    const catalog = openCatalog(environment())
    assert.deepEqual(catalog.list(), [])
    assert.deepEqual(
      catalog.known().map(({ engine, version, installed: there }) => `${engine} ${version} ${there}`),
      ['valkey 9.1 false', 'valkey 8.1 false', 'redis 7.0 false', 'memcached 1.6 false'],
    )
    assert.equal(catalog.find('valkey', '9.1'), null)
  })

  it('finds by short and full versions, the newest first, and never by half a number', () => {
    installed('valkey-9.1', 'valkey', '9.1.2')
    installed('valkey-8.0', 'valkey', '8.0.1')
    installed('valkey-8.10', 'valkey', '8.10.4')
    installed('redis-7.0', 'redis', '7.0.15')
    const catalog = openCatalog(environment())
    const version = (engine: 'valkey' | 'redis', wanted: string): string | undefined => catalog.find(engine, wanted)?.version
    assert.deepEqual(
      catalog.list().map((entry) => entry.version),
      ['9.1.2', '8.10.4', '8.0.1', '7.0.15'],
    )
    assert.equal(version('valkey', '9'), '9.1.2')
    assert.equal(version('valkey', '9.1'), '9.1.2')
    assert.equal(version('valkey', '8'), '8.10.4')
    assert.equal(version('valkey', '8.1'), undefined)
    assert.equal(version('valkey', '8.0'), '8.0.1')
    assert.equal(version('redis', '7.0.15'), '7.0.15')
    assert.equal(version('redis', '7.0.1'), undefined)
    assert.equal(version('redis', '9.1'), undefined)
  })

  it('finds of several builds of one version the one that was installed last', () => {
    installed('redis-7.0-2', 'redis', '7.0.15', [], '2026-11-20')
    installed('redis-7.0-3', 'redis', '7.0.15', [], '2026-11-30')
    installed('redis-7.0', 'redis', '7.0.15', [], '2026-11-10')
    const catalog = openCatalog(environment())
    assert.equal(catalog.find('redis', '7.0')?.path, join(folder, 'engines', 'redis-7.0-3'))
    assert.equal(catalog.list().length, 1)
    assert.equal(catalog.known().find(({ engine }) => engine === 'redis')?.installed, true)
  })

  it('starts an installed engine by its own loader and libraries', () => {
    const target = installed('valkey-9.1', 'valkey', '9.1.2', ['valkey-cli'])
    const found = openCatalog(environment()).find('valkey', '9')
    assert.ok(found)
    assert.deepEqual(found.command, commandIn(target, 'ld.so', 'valkey-server'))
    assert.deepEqual(engineTool(found, 'cli', environment()), commandIn(target, 'ld.so', 'valkey-cli'))
    assert.equal(engineTool(found, 'benchmark', environment()), null)
  })

  it('asks programs on the PATH and in named folders what they are', () => {
    program('path/memcached', 'memcached 1.6.40')
    program('path/valkey-server', 'Valkey server v=8.1.4 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1')
    // Distributions give Valkey the old name too.
    program('path/redis-server', 'Valkey server v=8.1.4 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1')
    program('own/redis-server', 'Redis server v=7.2.4 sha=00000000:0 malloc=libc bits=64 build=1')
    assert.deepEqual(summary(environment(join(folder, 'path'), join(folder, 'own'))), [
      'valkey 8.1.4 path',
      'redis 7.2.4 folder',
      'memcached 1.6.40 path',
    ])
  })

  it('prefers a named folder to what is installed, and that to the PATH', () => {
    program('path/valkey-server', 'Valkey server v=9.1.2 x')
    installed('valkey-9.1', 'valkey', '9.1.2')
    const path = join(folder, 'path')
    assert.deepEqual(summary(environment(path)), ['valkey 9.1.2 installed'])
    const own = dirname(program('own/valkey-server', 'Valkey server v=9.1.2 x'))
    assert.deepEqual(summary(environment(path, own)), ['valkey 9.1.2 folder'])
  })

  it('passes over what is broken on the PATH, and complains of what is broken in a named folder', () => {
    const broken = dirname(program('broken/valkey-server', 'no library', 127))
    program('broken/memcached', 'hello')
    const good = dirname(program('good/valkey-server', 'Valkey server v=9.1.2 x'))
    assert.deepEqual(summary(environment([broken, join(folder, 'none'), good].join(delimiter))), ['valkey 9.1.2 path'])
    assert.throws(
      () => openCatalog(environment('', broken)),
      (error) =>
        error instanceof LarderError && error.code === 'engine-missing' && error.message.includes(join(broken, 'valkey-server')),
    )
  })

  it('takes a damaged or half-made folder as not installed', () => {
    mkdirSync(join(folder, 'engines', 'valkey-9.1'), { recursive: true })
    mkdirSync(join(folder, 'engines', '.installing-x'))
    for (const text of ['', '{"name": "valkey"', '{"name": "valkey"}', 'null']) {
      writeFileSync(join(folder, 'engines', 'valkey-9.1', 'installed.json'), text)
      assert.deepEqual(summary(environment()), [], text)
    }
    assert.equal(openCatalog(environment()).known()[0]?.installed, false)
  })
})

describe('a tool', () => {
  it('is the one on the PATH, else the installed one, else none', () => {
    const name = 'larder-test-tool'
    assert.equal(findTool(name, environment(join(folder, 'path'))), null)
    const target = installed(name, name, '1.0.6')
    assert.deepEqual(findTool(name, environment(join(folder, 'path'))), commandIn(target, 'ld.so', `${name}-server`))
    const own = program(`path/${name}`, 'v1')
    assert.deepEqual(findTool(name, environment(join(folder, 'path'))), [own])
  })
})
