import assert from 'node:assert/strict'
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { openFollower } from './follow.ts'
import { predecessorsOf } from './predecessors.ts'
import { boundLog, boundLogs, cutFloods } from './written-by-others.ts'

const inFolder = async (work: (folder: string) => Promise<void>): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const wholeOf = (path: string): string =>
  [...predecessorsOf(path).map((one) => one.path), path]
    .map((file) => (file.endsWith('.gz') ? gunzipSync(readFileSync(file)).toString() : readFileSync(file, 'utf8')))
    .join('')

const bound = { mostBytes: 50_000, kept: 50 }

/** Writes lines all the time while its log is bounded, and follows it. Gives what it wrote and what the follower read. */
const writing = async (path: string, isHeldOpen: boolean): Promise<{ readonly written: string; readonly followed: string }> => {
  appendFileSync(path, '', { mode: 0o600 })
  const file = openSync(path, 'a')
  const follower = openFollower(path, 0)
  let [written, followed] = ['', '']
  let going = true
  const write = (): void => {
    if (!going) return
    for (let turn = 0; turn < 5; turn += 1) {
      const line = `line ${written.length}\n`
      if (isHeldOpen) writeSync(file, line)
      else appendFileSync(path, line, { mode: 0o600 })
      written += line
    }
    followed += follower.more().toString()
    setImmediate(write)
  }
  write()
  try {
    while (written.length < 1_000_000) {
      await boundLog(path, bound, isHeldOpen)
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    going = false
    followed += follower.more().toString() + follower.more().toString()
    follower.close()
    closeSync(file)
  }
  await boundLog(path, bound, isHeldOpen)
  return { written, followed }
}

for (const [who, isHeldOpen] of [
  ['opens it for each line', false],
  ['keeps it open', true],
] as const)
  test(`a log is bounded of a process that ${who}: no line is lost, and whoever follows it reads each once`, () =>
    inFolder(async (folder) => {
      const path = join(folder, 'engine.log')
      const { written, followed } = await writing(path, isHeldOpen)
      assert.ok(predecessorsOf(path).length > 5, `${predecessorsOf(path).length} files`)
      assert.ok(statSync(path).size <= bound.mostBytes)
      assert.equal(wholeOf(path), written)
      assert.equal(followed, written)
      for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o077, 0, file)
    }))

test('a log that cannot be copied is left as it is', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'engine.log')
    appendFileSync(path, 'x'.repeat(100_000))
    mkdirSync(`${path}.1.new`)
    await assert.rejects(boundLog(path, bound, true))
    assert.equal(statSync(path).size, 100_000)
  }))

test('each folder of a node is looked at; one that is not there, or cannot be bounded, keeps no other from it', () =>
  inFolder(async (folder) => {
    const nodeOf = (name: string, ...files: readonly string[]): string => {
      const path = join(folder, name)
      mkdirSync(path)
      for (const file of files) appendFileSync(join(path, file), 'x'.repeat(1_000))
      return path
    }
    const folders = [
      join(folder, 'missing'),
      nodeOf('valkey', 'engine.log', 'engine.out'),
      nodeOf('odd'),
      nodeOf('memcached', 'engine.log'),
    ]
    mkdirSync(join(folder, 'odd', 'engine.log'))
    const endpointsFolder = nodeOf('endpoints', 'endpoints.log', 'endpoints.out')
    const said: string[] = []
    const small = { mostBytes: 500, kept: 2 }
    await boundLogs(
      { nodeFolders: async () => folders, endpointsFolder, log: (_level, message) => said.push(message) },
      { engine: small, endpoints: small },
    )
    assert.deepEqual(readdirSync(join(folder, 'valkey')).sort(), ['engine.log.1.gz', 'engine.out', 'engine.out.1.gz'])
    assert.deepEqual(readdirSync(join(folder, 'memcached')).sort(), ['engine.log', 'engine.log.1.gz'])
    assert.equal(statSync(join(folder, 'memcached', 'engine.log')).size, 0)
    assert.deepEqual(readdirSync(endpointsFolder).sort(), ['endpoints.log', 'endpoints.out', 'endpoints.out.1.gz'])
    assert.deepEqual(said.length <= 1, true, said.join())
  }))

test('a log that grows by more than is kept is cut off between two looks, said, and written on at its end', () =>
  inFolder(async (folder) => {
    const said: string[] = []
    const log = (_level: string, message: string): void => void said.push(message)
    for (const name of ['engine.log', 'engine.out']) {
      const path = join(folder, name)
      const file = openSync(path, 'a')
      writeSync(file, 'x'.repeat(4_000))
      cutFloods([folder], log, { mostBytes: 1_000 })
      assert.equal(statSync(path).size, 4_000, 'not yet more than a look may find')
      writeSync(file, 'y')
      cutFloods([folder, join(folder, 'gone')], log, { mostBytes: 1_000 })
      assert.equal(statSync(path).size, 1_000)
      writeSync(file, 'the next line')
      closeSync(file)
      assert.equal(readFileSync(path, 'utf8'), `${'x'.repeat(1_000)}the next line`)
    }
    assert.deepEqual(
      said,
      Array.from({ length: 2 }, () => 'a node writes more to its log than is kept'),
    )
  }))
