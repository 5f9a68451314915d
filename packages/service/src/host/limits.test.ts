import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { findTool } from '../engines/tools.ts'
import { temporaryFolder } from '../home/testing.ts'
import { mayRaiseLimits, openFilesLimit, raiseOpenFiles } from './limits.ts'

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

test('without the right to raise limits no process is started for it', async () => {
  using folder = temporaryFolder()
  const [before, file] = [openFilesLimit() ?? 0, join(folder.path, 'started')]
  const program = ['/bin/sh', '-c', `: > ${file}`]
  await raiseOpenFiles(program, before + 1, false)
  assert.equal(existsSync(file), false)
  await raiseOpenFiles(program, before + 1, true)
  assert.equal(existsSync(file), true)
})

test('the right to raise limits is read from what the kernel says', () => {
  assert.equal(mayRaiseLimits('Name:\tnode\nCapEff:\t000001ffffffffff\nSeccomp:\t0\n'), true)
  assert.equal(mayRaiseLimits('Name:\tnode\nCapEff:\t000001fffeffffff\nSeccomp:\t0\n'), false)
  assert.equal(mayRaiseLimits('CapEff:\t0000000000000000\n'), false)
  assert.equal(mayRaiseLimits('Name:\tnode\n'), true)
})
