/**
 * The libraries that engines load, compiled with the sanitizers of the compiler, and hostile input for everything that they read: `native-fuzz/`.
 * `LARDER_FUZZ_SECONDS` for a longer run, `LARDER_FUZZ_SEED` to see a case again.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { findTool } from './tools.ts'

const sources = fileURLToPath(new URL('../../native-fuzz/', import.meta.url))
const flags = [
  ...['-std=c11', '-g', '-O1', '-fsanitize=address,undefined', '-fno-sanitize-recover=all', '-pthread'],
  // They are more than a test calls.
  ...['-Wall', '-Wextra', '-Werror', '-Wno-unused-function'],
]
const seconds = process.env['LARDER_FUZZ_SECONDS'] ?? '1'
const seed = process.env['LARDER_FUZZ_SEED'] ?? '1'
const compiler = findTool('cc', process.env) ?? findTool('gcc', process.env) ?? findTool('clang', process.env)

const folder = mkdtempSync(join(tmpdir(), 'larder-test-fuzz-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const run = (program: string, args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: folder, encoding: 'utf8' })
  return { status, output: `${stdout}${stderr}` }
}

const compile = (from: string, to: string) => {
  const [program = '', ...args] = compiler ?? []
  return run(program, [...args, ...flags, from, '-o', to])
}

/** Some compilers come without them. */
const hasSanitizers = (): boolean => {
  if (compiler === null) return false
  const [program = '', ...args] = compiler
  const empty = spawnSync(program, [...args, ...flags, '-x', 'c', '-', '-o', join(folder, 'empty')], {
    cwd: folder,
    input: 'int main(void) { return 0; }',
  })
  return empty.status === 0
}

const skip = !hasSanitizers() && 'needs a C compiler with its sanitizers'
for (const name of ['control', 'auth', 'discovery']) {
  test(`larder-${name}.c stands what is thrown at it`, { skip }, () => {
    const program = join(folder, name)
    const { status, output } = compile(join(sources, `${name}.c`), program)
    assert.equal(status, 0, output)
    const found = run(program, [seed, seconds])
    assert.equal(found.status, 0, found.output)
    assert.match(found.output, /^[1-9]\d* cases/, found.output)
  })
}
