/** What a start loads, and what not: each of these took 10 to 50 ms of it, and 10 to 30 MB as long as Larder runs. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../home/testing.ts'

const command = fileURLToPath(new URL('../../bin/larder', import.meta.url))
const source = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url))

const run = (program: string, args: readonly string[], environment: NodeJS.ProcessEnv): string => {
  const { status, stdout, stderr } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...environment },
  })
  assert.equal(status, 0, stderr)
  return stdout
}

/** Modules of Node that are there after these sources were loaded, and files outside of the project's sources. */
const loadedBy = (folder: string, sources: readonly string[]): { readonly builtin: string[]; readonly files: string[] } => {
  const program = `
    import { registerHooks } from 'node:module'
    const files = []
    registerHooks({ load: (url, context, next) => (files.push(url), next(url, context)) })
    for (const path of ${JSON.stringify(sources.map(source))}) await import(path)
    console.log(JSON.stringify({ builtin: process.moduleLoadList, files }))
  `
  const environment = { NODE_COMPILE_CACHE: join(folder, 'compiled') }
  run(process.execPath, ['--input-type=module', '-e', program], environment) // compiles
  return JSON.parse(run(process.execPath, ['--input-type=module', '-e', program], environment))
}

/** What reads TypeScript; what `fetch` is made of; what only clients need. */
const unwanted = /internal\/deps\/(amaro|undici)|NativeModule (http2?|https|tls|assert|test|readline|repl|inspector)$/

test('the second start of the command reads no TypeScript: all of it was compiled before', () => {
  using folder = temporaryFolder()
  const probe = join(folder.path, 'probe.cjs')
  writeFileSync(probe, "process.on('exit', () => console.log(process.moduleLoadList.join('\\n')))")
  const environment = { XDG_CACHE_HOME: folder.path, NODE_COMPILE_CACHE: '', NODE_OPTIONS: `--require ${probe}` }
  assert.match(run(command, ['help'], environment), /deps\/amaro/)
  assert.doesNotMatch(run(command, ['help'], environment), /deps\/amaro/)
})

test('the service loads no SDK, no HTTP and nothing of fetch', () => {
  using folder = temporaryFolder()
  const { builtin, files } = loadedBy(folder.path, ['cli/up.ts'])
  assert.ok(files.length > 100, `${files.length} files`)
  assert.deepEqual(
    builtin.filter((name) => unwanted.test(name)),
    [],
  )
  const packages = new Set(files.flatMap((url) => /\/node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(url)?.[1] ?? []))
  assert.deepEqual([...packages].sort(), ['@smithy/core', '@smithy/signature-v4', '@smithy/types'])
})

test('the thread of the API loads HTTP, and nothing of fetch, of the model, or of the service', () => {
  using folder = temporaryFolder()
  const imported = readFileSync(source('api/http/thread.ts'), 'utf8').matchAll(/^import (?!type ).* from '\.\/([^']+)'/gm)
  const parts = [...imported].map(([, name]) => `api/http/${name}`)
  assert.ok(parts.includes('api/http/http.ts'), parts.join())
  const { builtin, files } = loadedBy(folder.path, parts)
  assert.ok(builtin.includes('NativeModule http'))
  assert.deepEqual(
    builtin.filter((name) => unwanted.test(name) && name !== 'NativeModule http'),
    [],
  )
  const own = files.filter((url) => url.startsWith('file:')).map((url) => url.replace(/^.*\/service\/src\//, ''))
  assert.deepEqual(
    own.filter((path) => !/^(api\/http\/|api\/protocols\/query\/(error|xml)\.ts|errors\.ts)/.test(path)),
    [],
  )
})
