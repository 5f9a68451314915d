import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { findTool } from '../engines/tools.ts'
import { openFilesLimit, raiseOpenFiles } from './limits.ts'

const prlimit = findTool('prlimit', process.env)

test('the limit of open files is raised where that is allowed, and stays as it is where it is not', async () => {
  const before = openFilesLimit()
  assert.ok(before !== null && before > 64)
  await raiseOpenFiles(null, before + 1)
  await raiseOpenFiles(['/no/such/program'], before + 1)
  assert.equal(openFilesLimit(), before)
  await raiseOpenFiles(prlimit, before + 1)
  assert.ok([before, before + 1].includes(openFilesLimit() ?? 0))
})

test('a limit that is high enough is left alone', async () => {
  const before = openFilesLimit()
  await raiseOpenFiles(['/bin/sh', '-c', 'exit 1'], 16)
  assert.equal(openFilesLimit(), before)
  if (prlimit !== null) assert.match(execFileSync(prlimit[0] ?? '', ['--nofile'], { encoding: 'utf8' }), /NOFILE/)
})
