/** What lies on the disk and stands in the lists of the machine: for the service's user alone, and secrets only where they have to be. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import {
  CreateCacheClusterCommand,
  CreateCacheParameterGroupCommand,
  CreateReplicationGroupCommand,
  DescribeEventsCommand,
  DescribeReplicationGroupsCommand,
  ElastiCacheClient,
  ModifyCacheParameterGroupCommand,
  ModifyReplicationGroupCommand,
} from '@aws-sdk/client-elasticache'
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient } from '@aws-sdk/client-iam'
import { exchange, http } from '../../packages/service/src/api/testing/exchange.ts'
import { signHeader } from '../../packages/service/src/api/testing.ts'
import { startTestService, type TestService, until } from '../support/service.ts'
import type { Plan } from './intruder.ts'

const nobody = 65_534
const isRoot = process.getuid?.() === 0
const program = fileURLToPath(new URL('./intruder.ts', import.meta.url))

interface Found {
  readonly files: readonly string[]
  readonly folders: readonly string[]
  readonly sockets: readonly string[]
}

/** Everything below a folder, and the folder itself. */
const walk = (folder: string): Found => {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true })
  const paths = entries.map((entry) => ({ entry, path: join(entry.parentPath, entry.name) }))
  return {
    files: paths.flatMap(({ entry, path }) => (entry.isDirectory() || entry.isSocket() || entry.isFIFO() ? [] : [path])),
    folders: [folder, ...paths.flatMap(({ entry, path }) => (entry.isDirectory() ? [path] : []))],
    sockets: paths.flatMap(({ entry, path }) => (entry.isSocket() || entry.isFIFO() ? [path] : [])),
  }
}

/** What another user could do with these. */
const intrude = ({ files, folders, sockets }: Found): readonly string[] => {
  const plan: Plan = { uid: nobody, files, folders, sockets }
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
    input: JSON.stringify(plan),
    encoding: 'utf8',
    timeout: 30_000,
  })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout) as readonly string[]
}

const tokens = ['first-secret-of-the-test', 'second-secret-of-the-test', 'third-secret-of-the-test'] as const

/** Groups of every kind that leaves something on the disk; the append-only file among it. */
const fill = async (service: TestService): Promise<void> => {
  const client = service.client()
  const parameters = { CacheParameterGroupName: 'kept' }
  await client.send(
    new CreateCacheParameterGroupCommand({ ...parameters, CacheParameterGroupFamily: 'valkey9', Description: 'of the test' }),
  )
  await client.send(
    new ModifyCacheParameterGroupCommand({
      ...parameters,
      ParameterNameValues: [{ ParameterName: 'appendonly', ParameterValue: 'yes' }],
    }),
  )
  const common = { Engine: 'valkey', EngineVersion: '9.1', CacheNodeType: 'cache.t4g.micro', AutomaticFailoverEnabled: true }
  const safe = {
    ReplicationGroupId: 'safe',
    ReplicationGroupDescription: 'x',
    NumCacheClusters: 2,
    TransitEncryptionEnabled: true,
  }
  await client.send(new CreateReplicationGroupCommand({ ...common, ...safe, ...parameters, AuthToken: tokens[0] }))
  await client.send(
    new CreateReplicationGroupCommand({
      ...common,
      ReplicationGroupId: 'open',
      ReplicationGroupDescription: 'x',
      NumNodeGroups: 2,
      ReplicasPerNodeGroup: 0,
    }),
  )
  await client.send(
    new CreateCacheClusterCommand({
      CacheClusterId: 'mc',
      Engine: 'memcached',
      CacheNodeType: 'cache.t4g.micro',
      NumCacheNodes: 1,
      TransitEncryptionEnabled: true,
    }),
  )
  const settled = () =>
    until('all available', async () => (await service.status()).groups.every(({ status }) => status === 'available') || undefined)
  await settled()
  for (const [AuthToken, AuthTokenUpdateStrategy] of [
    [tokens[1], 'ROTATE'],
    [tokens[1], 'SET'],
    [tokens[2], 'ROTATE'],
  ] as const) {
    const input = { ReplicationGroupId: 'safe', AuthToken, AuthTokenUpdateStrategy, ApplyImmediately: true }
    await client.send(new ModifyReplicationGroupCommand(input))
    await settled()
  }
  client.destroy()
}

/** What the service says when a request with a secret in it fails. */
const complaints = async (service: TestService): Promise<string> => {
  const client = service.client()
  const keys = await client.config.credentials()
  const said: string[] = []
  for (const input of [
    { AuthToken: `${tokens[2]} "with a quote"`, AuthTokenUpdateStrategy: 'ROTATE' as const },
    { AuthToken: tokens[0], AuthTokenUpdateStrategy: 'SET' as const },
    { AuthToken: tokens[2], AuthTokenUpdateStrategy: 'DELETE' as const },
    { AuthToken: `${tokens[2]}\u0001` },
  ]) {
    const command = new ModifyReplicationGroupCommand({ ReplicationGroupId: 'safe', ApplyImmediately: true, ...input })
    await client.send(command).then(
      () => assert.fail('expected a refusal'),
      (error: unknown) => said.push(String(error)),
    )
  }
  client.destroy()
  const query = 'Action=ModifyReplicationGroup&Version=2015-02-02&ReplicationGroupId=safe'
  for (const body of [
    `${query}&AuthToken=${tokens[2]}%zz`,
    `${query}&AuthToken=${tokens[2]}&AuthToken=x`,
    `${query}&AuthToken.1=${tokens[2]}`,
    `${query}&AuthToken=${'x'.repeat(70_000)}${tokens[2]}`,
    `${query}&ApplyImmediately=true&Password=${tokens[2]}`,
  ]) {
    const request = signHeader({ body, headers: { 'content-type': 'application/x-www-form-urlencoded' } }, keys)
    const answer = await exchange(Number(new URL(service.url()).port), http('POST', '/', request.headers, body))
    assert.match(answer.body, /<Code>(?!SignatureDoesNotMatch|MissingAuthenticationToken)/)
    said.push(answer.body)
  }
  return said.join('\n')
}

/** Command lines of everybody, and the environments of the processes that belong to this home. */
const processes = (home: string, pid: number): string =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => {
      try {
        const commandLine = readFileSync(`/proc/${name}/cmdline`, 'utf8')
        const isOurs = Number(name) === pid || commandLine.includes(home)
        return `${commandLine}\n${isOurs ? readFileSync(`/proc/${name}/environ`, 'utf8') : ''}`
      } catch {
        return '' // it ended meanwhile
      }
    })
    .join('\n')

interface Secret {
  readonly name: string
  readonly value: string
  /** Files of the home, by their paths in it, that have to hold it. */
  readonly place: RegExp
}

const never = /^(?!)/

const secretsOf = (service: TestService, secretOfUser: string): readonly Secret[] => {
  const read = (path: string): string => readFileSync(join(service.home, path), 'utf8')
  const keyOf = (path: string): string => read(path).split('\n')[1] ?? assert.fail(`expected a key in ${path}`)
  const stored = JSON.parse(read('secrets.json')) as Record<string, string>
  const value = (name: string): string => stored[name] ?? assert.fail(`expected ${name} in secrets.json`)
  const node = (id: string): string => `nodes/us-east-1/${id}`
  return [
    { name: 'the secret key', value: value('secretAccessKey'), place: /^(kept\/)?secrets\.json$/ },
    { name: 'the secret key of a user of IAM', value: secretOfUser, place: never },
    { name: 'the key that seals', value: read('seal.key').trim(), place: /^(kept\/)?seal\.key$/ },
    { name: 'the password of control', value: value('control'), place: /^(kept\/)?secrets\.json$/ },
    { name: 'the password of replication', value: value('replication'), place: /^(kept\/)?secrets\.json$/ },
    ...(['safe', 'open'] as const).map((group) => ({
      name: `the password of replication of ${group}`,
      value: /^masterauth (\S+)$/m.exec(read(`${node(group === 'safe' ? 'safe-001' : 'open-0001-001')}/node.conf`))?.[1] ?? '',
      place: new RegExp(`^nodes/us-east-1/${group}-[-0-9]+/node\\.conf$`),
    })),
    { name: 'the key of the authority', value: keyOf('tls/ca.key'), place: /^(tls|kept)\/ca\.key$/ },
    ...['safe-001', 'safe-002', 'mc.0001'].map((id) => ({
      name: `the key of ${id}`,
      value: keyOf(`${node(id)}/tls.key`),
      place: new RegExp(`^${node(id).replace('.', '\\.')}/tls\\.key$`),
    })),
    ...tokens.map((token) => ({ name: `the token ${token}`, value: token, place: never })),
  ]
}

/** A key of IAM, which is used once. */
const userOfIam = async (service: TestService): Promise<string> => {
  const root = service.client()
  const credentials = await root.config.credentials()
  root.destroy()
  const iam = new IAMClient({ endpoint: service.url(), region: 'us-east-1', credentials, maxAttempts: 1 })
  await iam.send(new CreateUserCommand({ UserName: 'ada' }))
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'ada' }))
  iam.destroy()
  const keys = { accessKeyId: AccessKey?.AccessKeyId ?? '', secretAccessKey: AccessKey?.SecretAccessKey ?? '' }
  const client = new ElastiCacheClient({ endpoint: service.url(), region: 'us-east-1', credentials: keys, maxAttempts: 1 })
  await assert.rejects(client.send(new DescribeEventsCommand({})), { name: 'AccessDenied' })
  client.destroy()
  return keys.secretAccessKey
}

const search = async (context: TestContext, service: TestService): Promise<void> => {
  const secretOfUser = await userOfIam(service)
  const client = service.client()
  const texts: Record<string, string> = {
    'what requests that failed were told': await complaints(service),
    'larder status --json': service.larder('status', '--json'),
    'larder doctor --json': service.larder('doctor', '--json'),
    'the metrics': await (await fetch(`${service.url()}/metrics`)).text(),
    events: JSON.stringify(await client.send(new DescribeEventsCommand({}))),
    'the groups': JSON.stringify(await client.send(new DescribeReplicationGroupsCommand({}))),
    processes: processes(service.home, service.pid()),
  }
  client.destroy()
  assert.ok((texts['processes'] ?? '').includes(service.home), 'processes of this home are among them')
  const { files } = walk(service.home)
  assert.ok(files.length > 30, `${files.length} files`)
  const contents = files.map((path) => [relative(service.home, path), readFileSync(path)] as const)
  for (const { name, value, place } of secretsOf(service, secretOfUser)) {
    assert.ok(value.length >= 16, name)
    await context.test(`${name} is where it has to be, and nowhere else`, () => {
      const holders = contents.filter(([, bytes]) => bytes.includes(value)).map(([path]) => path)
      assert.deepEqual(
        holders.filter((path) => !place.test(path)),
        [],
      )
      assert.equal(holders.length > 0, place !== never, 'it is searched for rightly')
      for (const [where, text] of Object.entries(texts)) assert.ok(!text.includes(value), where)
    })
  }
}

const checkModes = (home: string): void => {
  const { files, folders, sockets } = walk(home)
  const open = [...files, ...folders, ...sockets].filter((path) => (lstatSync(path).mode & 0o077) !== 0)
  assert.deepEqual(open, [])
}

/** All that another user could reach in the home, although its folders are as open as folders can be. */
const breakIn = (home: string, beside: string): readonly string[] => {
  const all = walk(home)
  const reached = intrude({ ...all, files: [...all.files, beside] })
  assert.ok(reached.includes(`read ${beside}`), 'a file that is open to all is read: the intruder can read')
  for (const folder of all.folders) chmodSync(folder, 0o755)
  const inside = intrude({ files: all.files, folders: [], sockets: all.sockets })
  for (const folder of all.folders) chmodSync(folder, 0o700)
  return [...reached.filter((each) => each !== `read ${beside}`), ...inside]
}

test('what a home holds is for its user alone, whatever the umask', async (context) => {
  // Other users get as far as the home: what stops them is the home itself.
  const folder = mkdtempSync('/tmp/larder-test-')
  chmodSync(folder, 0o755)
  const beside = join(folder, 'open')
  const umask = process.umask(0)
  try {
    writeFileSync(beside, 'x', { mode: 0o644 })
    await using service = await startTestService({ folder })
    await fill(service)
    await search(context, service)
    await context.test('every file, folder and socket is private', () => checkModes(service.home))
    await context.test('another user reaches nothing, also where folders were opened by mistake', { skip: !isRoot }, () =>
      assert.deepEqual(breakIn(service.home, beside), []),
    )
    await context.test('a home that was opened by mistake is closed at the next start', async () => {
      chmodSync(service.home, 0o755)
      await service.end()
      await service.start()
      assert.equal(lstatSync(service.home).mode & 0o777, 0o700)
    })
    await context.test('and so it is after all nodes have ended', async () => {
      await service.end()
      service.larder('down')
      assert.ok(
        walk(service.home).files.some((path) => path.endsWith('.rdb')),
        'there is data on the disk',
      )
      checkModes(service.home)
      if (isRoot) assert.deepEqual(breakIn(service.home, beside), [])
    })
  } finally {
    process.umask(umask)
    rmSync(folder, { recursive: true, force: true })
  }
})
