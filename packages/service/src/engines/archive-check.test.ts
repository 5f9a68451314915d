import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { LarderError } from '../errors.ts'
import { checkArchive, forgetArchive } from './archive-check.ts'
import type { OfferedPackage } from './install-archive.ts'

const day = 86_400_000
const now = Date.parse('2026-11-30T12:00:00Z')
let engines = ''
beforeEach(() => {
  engines = mkdtempSync(join(tmpdir(), 'larder-test-'))
})
afterEach(() => rmSync(engines, { recursive: true, force: true }))

const installed = (folder: string, libssl: string, installedAt: string): void => {
  mkdirSync(join(engines, folder))
  const packages = [
    { name: 'libssl3', version: libssl, sha256: 'x' },
    { name: 'redis-tools', version: '5:7.0.15-1', sha256: 'x' },
  ]
  const provenance = {
    name: 'redis',
    version: '7.0.15',
    program: 'redis-server',
    tools: [],
    loader: 'ld.so',
    packages,
    installedAt,
  }
  writeFileSync(join(engines, folder, 'installed.json'), JSON.stringify(provenance))
}

/** An archive that counts how often it is asked. */
const archive = (answer: () => readonly OfferedPackage[]) => {
  let asked = 0
  const open = () => ({
    offered: async () => {
      asked += 1
      return answer()
    },
    close: () => undefined,
  })
  return { open, asked: () => asked }
}

const mended: readonly OfferedPackage[] = [
  { name: 'libssl3', version: '3.0.22-2' },
  { name: 'redis-tools', version: '5:7.0.15-1' },
  { name: 'libneverused', version: '9' },
]
const update = {
  engine: 'redis',
  version: '7.0.15',
  packages: [{ name: 'libssl3', installed: '3.0.22-1', offered: '3.0.22-2' }],
}

test('what the archive has in another version is told, also a library, and the archive is asked once in a day', async () => {
  installed('redis-7.0', '3.0.22-1', '2026-11-01')
  const { open, asked } = archive(() => mended)
  for (const at of [now, now + 1_000, now + day - 1])
    assert.deepEqual(await checkArchive(engines, at, open), { updates: [update], failures: [] })
  assert.equal(asked(), 1)
  await checkArchive(engines, now + day, open)
  assert.equal(asked(), 2)
  await checkArchive(engines, now, open)
  assert.equal(asked(), 3, 'an answer from the future counts for nothing')
  forgetArchive(engines)
  await checkArchive(engines, now, open)
  assert.equal(asked(), 4)
})

test('an update that is installed beside is what is compared', async () => {
  installed('redis-7.0', '3.0.22-1', '2026-11-01')
  installed('redis-7.0-2', '3.0.22-2', '2026-11-30')
  assert.deepEqual(await checkArchive(engines, now, archive(() => mended).open), { updates: [], failures: [] })
})

test('an archive that does not answer is told, and asked again after an hour', async () => {
  installed('redis-7.0', '3.0.22-1', '2026-11-01')
  const silent = archive(() => {
    throw new LarderError('engine-install', 'no network')
  })
  assert.deepEqual(await checkArchive(engines, now, silent.open), { updates: [], failures: ['redis@7.0: no network'] })
  assert.equal((await checkArchive(engines, now + 3_599_999, archive(() => mended).open)).updates.length, 0)
  assert.deepEqual((await checkArchive(engines, now + 3_600_000, archive(() => mended).open)).updates, [update])
})

test('where Larder has installed nothing, nobody is asked and nothing is written', async () => {
  const { open, asked } = archive(() => mended)
  assert.deepEqual(await checkArchive(engines, now, open), { updates: [], failures: [] })
  assert.equal(asked(), 0)
  assert.deepEqual(readdirSync(engines), [])
})

test('an answer that was cut off is asked for again', async () => {
  installed('redis-7.0', '3.0.22-1', '2026-11-01')
  for (const text of ['', '{"at": 1', '{}', 'null']) {
    writeFileSync(join(engines, '.archive.json'), text)
    assert.deepEqual((await checkArchive(engines, now, archive(() => mended).open)).updates, [update], text)
  }
})
