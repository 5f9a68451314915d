import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readJsonFile, writePrivateFile } from './files.ts'
import { homePath, isHome, openHome } from './home.ts'
import { openSecrets, readSecrets } from './secrets.ts'
import { temporaryFolder } from './testing.ts'

const modeOf = (path: string): number => statSync(path).mode & 0o777

test('a home is made with folders that its owner alone may read', () => {
  using folder = temporaryFolder()
  const home = openHome(join(folder.path, 'deep', 'home'))
  for (const path of [home.path, home.nodesFolder, join(home.path, 'run'), join(home.path, 'logs')])
    assert.equal(modeOf(path), 0o700)
})

test('a home that others could read is closed to them', () => {
  using folder = temporaryFolder()
  chmodSync(folder.path, 0o755)
  openHome(folder.path)
  assert.equal(modeOf(folder.path), 0o700)
})

test('a folder of another user is refused', { skip: process.getuid?.() !== 0 && 'only root can give folders away' }, () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'theirs')
  mkdirSync(path)
  chownSync(path, 65_534, 65_534)
  assert.throws(() => openHome(path), { code: 'machine', message: /to belong to user 0, found user 65534/ })
})

test('a folder of something else is refused, and stays as it is', () => {
  using folder = temporaryFolder()
  const project = join(folder.path, 'project')
  // Names that a home has too make none.
  mkdirSync(join(project, 'logs'), { recursive: true })
  writeFileSync(join(project, 'package.json'), '{}')
  chmodSync(project, 0o755)
  assert.equal(isHome(project), false)
  assert.throws(() => openHome(project), { code: 'usage', message: /found package\.json\. Nothing was touched$/ })
  assert.equal(modeOf(project), 0o755)
  assert.deepEqual(readdirSync(project).sort(), ['logs', 'package.json'])
  assert.throws(() => openHome(join(project, 'package.json')), { code: 'usage', message: /expected a folder .* found a file/ })
  assert.equal(isHome(join(project, 'package.json')), false)
})

test('what was begun is a home, and so is one that has lost its state', () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'home')
  assert.equal(isHome(path), false)
  mkdirSync(join(path, 'nodes'), { recursive: true })
  assert.equal(isHome(path), false)
  // Everything is lost but the folders of nodes.
  mkdirSync(join(path, 'nodes', 'eu-west-1', 'demo-001'), { recursive: true })
  assert.equal(isHome(path), true)
  rmSync(join(path, 'nodes', 'eu-west-1'), { recursive: true })
  mkdirSync(join(path, 'nodes', 'something-else'))
  assert.equal(isHome(path), false)
  openHome(path) // the rest of a start that was cut off
  assert.equal(isHome(path), true)
})

test('a path that is too long for control sockets is refused before anything is made', () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'x'.repeat(90))
  assert.throws(() => openHome(path), { code: 'usage', message: /at most 85 bytes/ })
  assert.throws(() => statSync(path))
})

test('a path with control characters, which engines refuse in their configuration, is refused before anything is made', () => {
  using folder = temporaryFolder()
  for (const name of ['a\nb', 'a\tb', 'a\u007fb']) {
    const path = join(folder.path, name)
    assert.throws(() => openHome(path), { code: 'usage', message: /without control characters/ })
    assert.throws(() => statSync(path))
  }
})

test('sockets fit into what the kernel takes, also in the longest home, and are one for each node', () => {
  using folder = temporaryFolder()
  const home = openHome(join(folder.path, 'h'.repeat(85 - folder.path.length - 1)))
  const paths = ['us-east-1', 'eu-west-1'].flatMap((region) => ['a', 'b'].map((id) => home.socket(region, id.repeat(60))))
  assert.equal(new Set(paths).size, 4)
  for (const path of paths) assert.ok(Buffer.byteLength(path) <= 107)
})

test('the folders of nodes are found over all regions, files beside them are not taken for one', async () => {
  using folder = temporaryFolder()
  const home = openHome(folder.path)
  const nodes = [home.nodeFolder('eu-west-1', 'x-001'), home.nodeFolder('us-east-1', 'x-001')]
  for (const path of nodes) mkdirSync(path, { recursive: true })
  writeFileSync(join(home.nodesFolder, 'us-east-1', 'note'), '')
  assert.deepEqual([...(await home.nodeFolders())].sort(), nodes)
})

test('LARDER_HOME is taken relative to where one is; without it the home is in the user’s own folder', () => {
  assert.equal(homePath({ LARDER_HOME: 'x' }), join(process.cwd(), 'x'))
  assert.equal(homePath({}), join(homedir(), '.larder'))
})

test('secrets are made once, differ between homes, and are readable by their owner alone', () => {
  using folder = temporaryFolder()
  const home = openHome(join(folder.path, 'a'))
  assert.equal(readSecrets(home), null)
  const secrets = openSecrets(home)
  assert.equal(modeOf(home.secretsFile), 0o600)
  assert.deepEqual(openSecrets(home), secrets)
  assert.deepEqual(readSecrets(home), secrets)
  assert.match(secrets.homeId, /^[0-9a-f]{8}$/)
  assert.match(secrets.accessKeyId, /^AKIA[A-Z2-7]{16}$/)
  assert.match(secrets.secretAccessKey, /^[A-Za-z0-9]{40}$/)
  const other = openSecrets(openHome(join(folder.path, 'b')))
  for (const name of ['homeId', 'accessKeyId', 'secretAccessKey', 'control', 'replication'] as const)
    assert.notEqual(other[name], secrets[name])
})

test('secrets that are not whole are not replaced by new ones', () => {
  using folder = temporaryFolder()
  const home = openHome(folder.path)
  writeFileSync(home.secretsFile, '{"homeId":"1"}')
  assert.throws(() => openSecrets(home), { code: 'store-corrupt' })
  assert.equal(readFileSync(home.secretsFile, 'utf8'), '{"homeId":"1"}')
})

test('a private file is replaced whole, keeps its mode, and leaves no temporary one', () => {
  using folder = temporaryFolder()
  const path = join(folder.path, 'x.json')
  const isList = (value: unknown): value is readonly number[] => Array.isArray(value)
  assert.equal(readJsonFile(path, isList, 'a list'), null)
  writePrivateFile(path, '[1]')
  writePrivateFile(path, '[1, 2]')
  assert.deepEqual(readJsonFile(path, isList, 'a list'), [1, 2])
  assert.equal(modeOf(path), 0o600)
  assert.throws(() => statSync(`${path}.${process.pid}.tmp`))
})

test('what is moved aside keeps its content under a name of its own, also twice in one second', async () => {
  using folder = temporaryFolder()
  const home = openHome(folder.path)
  const now = Date.UTC(2026, 10, 30, 10, 15)
  const places: string[] = []
  for (const text of ['one', 'two']) {
    const node = home.nodeFolder('us-east-1', 'a-001')
    mkdirSync(node, { recursive: true })
    writeFileSync(join(node, 'dump.rdb'), text)
    places.push(await home.setAside(node, now))
  }
  assert.deepEqual(
    places,
    [1, 2].map((count) => join(home.asideFolder, `20261130T101500Z-${count}-nodes-us-east-1-a-001`)),
  )
  assert.deepEqual(
    places.map((place) => readFileSync(join(place, 'dump.rdb'), 'utf8')),
    ['one', 'two'],
  )
  assert.deepEqual(await home.nodeFolders(), [])
})
