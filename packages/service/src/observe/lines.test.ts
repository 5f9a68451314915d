import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { until } from '../testing/busy-machine.ts'
import { openLines } from './lines.ts'
import { compressPredecessors, predecessorsOf } from './predecessors.ts'

const inFolder = async (work: (path: string, folder: string) => Promise<void> | void): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  try {
    await work(join(folder, 'audit.log'), folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** All that is kept, the oldest first. */
const wholeOf = (path: string): string =>
  [...predecessorsOf(path).map((one) => one.path), path]
    .filter((file) => existsSync(file))
    .map((file) => (file.endsWith('.gz') ? gunzipSync(readFileSync(file)).toString() : readFileSync(file, 'utf8')))
    .join('')

const numbered = (from: number, to: number): string =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}\n`).join('')

test('lines go on in the file that is there; those of before are kept compressed, for their user alone', () =>
  inFolder(async (path, folder) => {
    openLines(path, { mostBytes: 30, kept: 3 }).append('line 1\n')
    const lines = openLines(path, { mostBytes: 30, kept: 3 })
    for (let count = 2; count <= 9; count += 1) lines.append(`line ${count}\n`)
    await lines.settled()
    assert.deepEqual(readdirSync(folder).sort(), ['audit.log', 'audit.log.1.gz', 'audit.log.2.gz'])
    assert.equal(wholeOf(path), numbered(1, 9))
    for (const file of readdirSync(folder)) assert.equal(statSync(join(folder, file)).mode & 0o077, 0)
  }))

test('no more than so many of before are kept, the newest, also where none of them can be compressed', () =>
  inFolder(async (path, folder) => {
    // A folder stands where each compressed file would be made.
    for (let number = 1; number <= 40; number += 1) mkdirSync(`${path}.${number}.gz.new`)
    const lines = openLines(path, { mostBytes: 14, kept: 3 })
    for (let count = 1; count <= 60; count += 1) lines.append(`line ${count}\n`)
    await lines.settled()
    const found = readdirSync(folder).filter((name) => !name.endsWith('.new'))
    assert.equal(found.filter((name) => name !== 'audit.log').length, 3, found.join())
    const kept = wholeOf(path)
    assert.ok(numbered(1, 60).endsWith(kept) && kept.startsWith('line 57'), kept)
  }))

test('the file of an earlier Larder, which kept one of before, is one of before', () =>
  inFolder(async (path) => {
    writeFileSync(`${path}.1`, 'line 1\n')
    writeFileSync(path, 'line 2\n')
    const lines = openLines(path, { mostBytes: 7, kept: 3 })
    lines.append('line 3\n')
    await lines.settled()
    assert.deepEqual(
      predecessorsOf(path).map((one) => [one.number, one.isCompressed]),
      [
        [1, true],
        [2, true],
      ],
    )
    assert.equal(wholeOf(path), numbered(1, 3))
  }))

/** What a kill can leave behind, from the renaming to the end of the compression. */
const leftovers: Readonly<Record<string, (path: string) => void>> = {
  'after the file was set aside': (path) => renameSync(path, `${path}.1`),
  'in the middle of the compression': (path) => {
    renameSync(path, `${path}.1`)
    writeFileSync(`${path}.1.gz.new`, 'half')
  },
  'before the file that was compressed is removed': (path) => {
    renameSync(path, `${path}.1`)
    linkSync(`${path}.1`, `${path}.0`)
  },
}
for (const [what, leave] of Object.entries(leftovers))
  test(`nothing is lost, and nothing is there twice, where a kill came ${what}`, () =>
    inFolder(async (path, folder) => {
      writeFileSync(path, numbered(1, 3))
      leave(path)
      if (what.startsWith('before')) {
        await compressPredecessors(path)
        renameSync(`${path}.0`, `${path}.1`)
      }
      const lines = openLines(path, { mostBytes: 1_000, kept: 3 })
      lines.append('line 4\n')
      await lines.settled()
      assert.equal(wholeOf(path), numbered(1, 4))
      assert.deepEqual(readdirSync(folder).sort(), ['audit.log', 'audit.log.1.gz'])
    }))

const writer = `
  import { openLines } from ${JSON.stringify(new URL('./lines.ts', import.meta.url).href)}
  const [path, first] = process.argv.slice(2)
  const lines = openLines(path, { mostBytes: 2_000, kept: 1_000_000 })
  let count = Number(first)
  const more = () => {
    for (let turn = 0; turn < 20; turn += 1) {
      lines.append('line ' + count + '\\n')
      count += 1
    }
    setImmediate(more)
  }
  more()
`

test('a process that is killed twenty times in the middle of it loses no line', () =>
  inFolder(async (path, folder) => {
    const program = join(folder, 'writer.ts')
    writeFileSync(program, writer)
    let next = 1
    for (let kill = 0; kill < 20; kill += 1) {
      const child = spawn(process.execPath, [program, path, String(next)], { stdio: ['ignore', 'inherit', 'inherit'] })
      const ended = new Promise((resolve) => child.once('exit', resolve))
      const before = predecessorsOf(path).at(-1)?.number ?? 0
      await until('it has filled some files', () => (predecessorsOf(path).at(-1)?.number ?? 0) > before + 3 + (kill % 5))
      child.kill('SIGKILL')
      await ended
      next = wholeOf(path).split('\n').length
    }
    const lines = openLines(path, { mostBytes: 2_000, kept: 1_000_000 })
    await lines.settled()
    assert.equal(wholeOf(path), numbered(1, next - 1))
    assert.ok(next > 5_000, `${next} lines`)
    assert.ok(predecessorsOf(path).every((one) => one.isCompressed))
  }))

test('on a full disk a line is refused, and nothing of it stands there', () =>
  inFolder((path) => {
    symlinkSync('/dev/full', path)
    const lines = openLines(path, { mostBytes: 100, kept: 3 })
    assert.throws(() => lines.append('line 1\n'), { code: 'ENOSPC' })
    rmSync(path)
    lines.append('line 2\n')
    assert.equal(readFileSync(path, 'utf8'), 'line 2\n')
  }))

test('a file that somebody has removed is made anew', () =>
  inFolder((path) => {
    const lines = openLines(path, { mostBytes: 20, kept: 3 })
    lines.append('line 1\n')
    lines.append('line 2\n')
    rmSync(path)
    lines.append('line 3\n')
    lines.append('line 4\n')
    assert.equal(readFileSync(path, 'utf8'), 'line 3\nline 4\n')
  }))
