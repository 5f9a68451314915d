import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { appendTo } from './lines.ts'

test('lines go on in the file that is there, and one file of before is kept when it is full', () => {
  const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
  try {
    const path = join(folder, 'audit.log')
    appendTo(path, 30)('first line\n')
    const append = appendTo(path, 30)
    for (const line of ['second line\n', 'third line\n', 'fourth line\n', 'fifth line\n']) append(line)
    assert.deepEqual(readdirSync(folder), ['audit.log', 'audit.log.1'])
    assert.equal(readFileSync(`${path}.1`, 'utf8') + readFileSync(path, 'utf8'), 'third line\nfourth line\nfifth line\n')
    assert.equal(statSync(path).mode & 0o077, 0)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
