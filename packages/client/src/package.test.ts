/** What is published, as an application has it: packed, unpacked in an empty folder, and used there by every Node on this machine that it is for, by import and by require. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openServers } from './testing/servers.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'larder-test-'))
const installed = join(folder, 'node_modules', '@larder', 'client')

const runIn = (program: string, ...args: readonly string[]): string => {
  const { stdout, stderr, status, error } = spawnSync(program, args, { cwd: folder, encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, 0, `${program} ${args[0]}: ${error?.message ?? ''}${stdout}${stderr}`)
  return stdout
}

interface Manifest {
  readonly exports: Readonly<
    Record<string, string | Readonly<Record<string, { readonly types: string; readonly default: string }>>>
  >
  readonly typesVersions: { readonly '*': Readonly<Record<string, readonly string[]>> }
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies: Readonly<Record<string, string>>
  readonly peerDependenciesMeta: Readonly<Record<string, { readonly optional?: boolean }>>
  readonly types: string
  readonly main: string
}
const manifest = (): Manifest => JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest

/** Of this repository's packages, as npm would lay it beside. */
const link = (name: string): void => {
  const to = join(folder, 'node_modules', name)
  mkdirSync(dirname(to), { recursive: true })
  symlinkSync(join(root, 'node_modules', name), to)
}

before(() => {
  // As it is compiled now: whoever tests has compiled it.
  const quiet = ['--ignore-scripts', '--silent', '--pack-destination', folder]
  const packed = spawnSync('npm', ['pack', ...quiet], { cwd: join(root, 'packages/client'), encoding: 'utf8', timeout: 60_000 })
  assert.equal(packed.status, 0, packed.stderr)
  mkdirSync(installed, { recursive: true })
  runIn('tar', '-xzf', packed.stdout.trim(), '-C', installed, '--strip-components=1')
  for (const name of [...Object.keys(manifest().dependencies), '@types/node', 'undici-types']) link(name)
})
after(() => rmSync(folder, { recursive: true, force: true }))

test('what is published is the compiled library with its types, a README and the licence', () => {
  const files = readdirSync(installed, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(installed.length + 1))
  const compiled = files.filter((file) => file.startsWith('dist/'))
  assert.deepEqual(files.filter((file) => !compiled.includes(file)).sort(), ['LICENSE', 'README.md', 'package.json'])
  assert.deepEqual(
    compiled.filter((file) => !/\.(js|d\.ts)$/.test(file) || /test|contract/.test(file)),
    ['dist/commonjs/package.json'],
  )
  for (const file of compiled.filter((one) => one.endsWith('.js'))) assert.ok(files.includes(file.replace(/js$/, 'd.ts')), file)
  assert.equal(readFileSync(join(installed, 'LICENSE'), 'utf8'), readFileSync(join(root, 'LICENSE'), 'utf8'))
})

test('all that is exported is there, and compilers that do not know of exports find its types too', () => {
  const { exports, typesVersions, types, main, peerDependencies, peerDependenciesMeta } = manifest()
  const entries = Object.entries(exports).filter(([name]) => name !== './package.json')
  for (const [name, entry] of entries) {
    assert.ok(typeof entry === 'object')
    // Node loads the same modules by import and by require, so that there is one copy; what does not know of that loads CommonJS by require.
    assert.deepEqual(Object.keys(entry), ['module-sync', 'import', 'require'])
    for (const one of Object.values(entry))
      for (const file of [one.types, one.default]) assert.ok(existsSync(join(installed, file)), file)
    assert.deepEqual(entry['module-sync'], entry['import'])
    assert.equal(name === '.' ? types : typesVersions['*'][name.slice(2)]?.[0], entry['require']?.types)
    if (name === '.') assert.equal(main, entry['require']?.default)
  }
  for (const name of Object.keys(peerDependencies)) assert.equal(peerDependenciesMeta[name]?.optional, true, name)
})

const program = (url: string, load: string): string => `
  (async () => {
    const { createCache, binaryCodec } = await ${load}('@larder/client')
    const { createLeaderboard } = await ${load}('@larder/client/leaderboards')
    if (typeof createLeaderboard !== 'function') throw new Error('no leaderboards')
    const { createSessions } = await ${load}('@larder/client/sessions')
    if (typeof createSessions !== 'function') throw new Error('no sessions')
    const { observeByOpenTelemetry } = await ${load}('@larder/client/opentelemetry')
    if (typeof observeByOpenTelemetry !== 'function') throw new Error('no metrics')
    const cache = await createCache({ url: '${url}', near: { maxBytes: 1e6 }, codec: binaryCodec, namespace: String(process.pid) })
    let n = 0
    const get = () => cache.get('k', () => new Map([['n', ++n]]), { tags: ['t'] })
    await get(); await cache.invalidate(['t'])
    console.log(JSON.stringify([...await get(), ...await get()]))
    await cache.close()
  })()`

const nodes = new Set(
  [...(process.env['PATH'] ?? '').split(':').map((path) => join(path, 'node')), process.execPath]
    .filter((file) => existsSync(file))
    .map((file) => realpathSync(file))
    .filter((file) => {
      const [major = 0, minor = 0] = runIn(file, '-p', 'process.versions.node').split('.').map(Number)
      return major > 20 || (major === 20 && minor >= 19)
    }),
)

/** As Jest and others that cannot load ES modules by `require`. */
const withoutModules = '--no-experimental-require-module'

test('it works by import and by require', async () => {
  await using servers = await openServers()
  const { url } = await servers.start()
  assert.ok(nodes.size > 0)
  for (const node of nodes)
    for (const [load = '', ...flags] of [['import'], ['require'], ['require', withoutModules]])
      assert.equal(runIn(node, ...flags, '-e', program(url, load)).trim(), '[["n",2],["n",2]]', `${node} ${load} ${flags}`)
})

test('by import and by require Node has one copy of it', () => {
  const same = `import('@larder/client').then(({ CacheError }) => console.log(CacheError === require('@larder/client').CacheError))`
  for (const node of nodes) assert.equal(runIn(node, '-e', same).trim(), 'true', node)
})

test('a client library that the application has not brought is named, and is needed for its own entry alone', () => {
  for (const node of nodes)
    for (const [entry, peer] of [
      ['ioredis', 'ioredis'],
      ['glide', '@valkey/valkey-glide'],
    ])
      for (const load of ['import', 'require']) {
        const tried = `(async () => ${load}('@larder/client/${entry}'))().catch((error) => console.log(error.code, error.message))`
        const said = runIn(node, '-e', tried)
        assert.ok(said.startsWith('ERR_MODULE_NOT_FOUND') && said.includes(`'${peer}'`), said)
      }
})

/** Fails to compile where a type is lost on the way, too. */
const consumer = `
import { type Cache, CacheError, createCache, type GetOptions, iamCredentials } from '@larder/client'
import { connectGlide } from '@larder/client/glide'
import { connectIoredis } from '@larder/client/ioredis'
import { createLeaderboard } from '@larder/client/leaderboards'
import { observeByOpenTelemetry } from '@larder/client/opentelemetry'
import { createSessions } from '@larder/client/sessions'
interface User { readonly id: number; readonly name: string }
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never
export const use = async (url: string, options: GetOptions): Promise<void> => {
  const cache: Cache = await createCache({ url, connect: connectIoredis })
  const load = async (id: number): Promise<User | null> => (id === 0 ? null : { id, name: 'Ada' })
  const user = await cache.get('user:1', () => load(1), options)
  const users = await cache.getMany(['1'], async (keys) => new Map(keys.map((key): [string, User] => [key, { id: 1, name: key }])))
  const wrapped = cache.wrap(load, { key: (id) => \`user:\${id}\`, tags: (id) => [\`user:\${id}\`] })
  const types: [Same<typeof user, User | null>, Same<typeof users, Map<string, User>>, Same<typeof wrapped, typeof load>] = [true, true, true]
  const connection = await connectGlide({ url })
  const [first] = await createLeaderboard<{ readonly country: string }>(connection, { name: 'race' }).top(1)
  const country: string | undefined = first?.data?.country
  console.log(types, country, createSessions(connection), observeByOpenTelemetry, iamCredentials, new CacheError('usage', country ?? ''))
}
`

test('it compiles in an application that is strict, checks libraries, and names no types in its configuration', () => {
  writeFileSync(join(folder, 'consumer.ts'), consumer)
  const tsc = join(root, 'node_modules', '.bin', 'tsc')
  for (const [module, moduleResolution, type] of [
    ['nodenext', 'nodenext', 'module'],
    ['node16', 'node16', 'module'],
    ['node16', 'node16', 'commonjs'],
    ['nodenext', 'nodenext', 'commonjs'],
    ['esnext', 'bundler', 'module'],
  ]) {
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type }))
    const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, preserveSymlinks: true }
    const compilerOptions = { module, moduleResolution, target: 'es2022', lib: ['es2023'], noEmit: true, ...strict }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.ts'] }))
    runIn(tsc, '-p', folder)
  }
})
