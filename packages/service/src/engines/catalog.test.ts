import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryFolder } from '../home/testing.ts'
import { enginesFolderOf, openCatalog } from './catalog.ts'
import { provenanceFile, versionIn } from './installed.ts'

const program = (folder: string, name: string, says: string, mode = 0o755): void => {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, name), `#!/bin/sh\necho '${says}'\n`)
  chmodSync(join(folder, name), mode)
}

const install = (folder: string, name: string, engine: string, version: string): void => {
  const into = join(folder, name)
  mkdirSync(into, { recursive: true })
  const provenance = {
    name: engine,
    version,
    program: `${engine}-server`,
    tools: [],
    loader: 'ld.so',
    packages: [],
    installedAt: '',
  }
  writeFileSync(join(into, provenanceFile), JSON.stringify(provenance))
}

test('the version is found in what each engine says of itself', () => {
  const cases = [
    ['Valkey server v=9.1.2 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=8dfbd02f01e07dfe', '9.1.2'],
    ['Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64', '7.0.15'],
    ['memcached 1.6.18', '1.6.18'],
    ['nftables v1.0.6 (Lester Gooch #5)', '1.0.6'],
    ['no version at all', null],
  ] as const
  for (const [text, version] of cases) assert.equal(versionIn(text), version)
})

test('engines stand in LARDER_ENGINES, in the cache folder that the user set, or in the usual one', () => {
  assert.equal(enginesFolderOf({ LARDER_ENGINES: '/e', XDG_CACHE_HOME: '/c' }), '/e')
  assert.equal(enginesFolderOf({ XDG_CACHE_HOME: '/c' }), '/c/larder/engines')
  assert.equal(enginesFolderOf({}), join(homedir(), '.cache/larder/engines'))
})

test('an engine is found by any beginning of its version, the newest first, whole numbers only', () => {
  using folder = temporaryFolder()
  for (const version of ['8.0.1', '9.1.2', '9.10.0']) install(folder.path, `valkey-${version}`, 'valkey', version)
  const catalog = openCatalog({ LARDER_ENGINES: folder.path })
  assert.deepEqual(
    catalog.list().map(({ version }) => version),
    ['9.10.0', '9.1.2', '8.0.1'],
  )
  assert.equal(catalog.find('valkey', '9')?.version, '9.10.0')
  assert.equal(catalog.find('valkey', '9.1')?.version, '9.1.2')
  assert.equal(catalog.find('valkey', '8.0.1')?.version, '8.0.1')
  assert.equal(catalog.find('valkey', '8.0.10'), null)
  assert.equal(catalog.find('redis', '9'), null)
})

test('what the user named goes before what is installed, and that before the PATH; what cannot be run is passed over', () => {
  using folder = temporaryFolder()
  const [own, path, engines] = ['own', 'path', 'engines'].map((name) => join(folder.path, name)) as [string, string, string]
  program(own, 'valkey-server', 'Valkey server v=9.1.2 x')
  program(path, 'valkey-server', 'Valkey server v=8.0.5 x')
  program(path, 'redis-server', 'not executable 7.0.1', 0o644)
  program(path, 'memcached', 'no version at all')
  install(engines, 'valkey-9.1', 'valkey', '9.1.2')
  install(engines, '.installing-x', 'valkey', '7.2.0')
  mkdirSync(join(engines, 'valkey-half'))
  const catalog = openCatalog({ LARDER_ENGINE_PATH: own, LARDER_ENGINES: engines, PATH: `${path}:${path}:${folder.path}/none` })
  assert.deepEqual(
    catalog.list().map(({ engine, version, source }) => `${engine} ${version} ${source}`),
    ['valkey 9.1.2 folder', 'valkey 8.0.5 path'],
  )
  assert.equal(catalog.known().find(({ engine, version }) => engine === 'valkey' && version === '9.1')?.installed, true)
  assert.equal(catalog.known().find(({ engine }) => engine === 'redis')?.installed, false)
})
