/** Users and user groups with real engines and clients: what each may do, how passwords are rotated, and who has them after a failover. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import {
  CreateUserCommand,
  CreateUserGroupCommand,
  DeleteUserCommand,
  DescribeUsersCommand,
  IncreaseReplicaCountCommand,
  ModifyUserCommand,
  ModifyUserGroupCommand,
  TestFailoverCommand,
} from '@aws-sdk/client-elasticache'
import { createClient } from '@redis/client'
import { Cluster, Redis } from 'ioredis'
import { available, create, modify, type Place, placeOf, primaryOf } from './support/groups.ts'
import { startTestService, type TestService, until } from './support/service.ts'
import { trusting } from './support/tls.ts'

const id = 'people'

interface Person {
  readonly id: string
  readonly name?: string
  readonly access: string
  readonly password?: string
}

const makeUsers = async (service: TestService, Engine: 'valkey' | 'redis', people: readonly Person[]): Promise<void> => {
  const api = service.client()
  for (const { id: UserId, name, access, password } of people)
    await api.send(
      new CreateUserCommand({
        UserId,
        UserName: name ?? UserId,
        Engine,
        AccessString: access,
        ...(password === undefined ? { NoPasswordRequired: true } : { Passwords: [password] }),
      }),
    )
  await api.send(new CreateUserGroupCommand({ UserGroupId: 'team', Engine, UserIds: people.map((person) => person.id) }))
  api.destroy()
}

/** Of the user group `team`. */
const createWithTeam = (service: TestService, input: Parameters<typeof create>[2]) =>
  create(service, id, { TransitEncryptionEnabled: true, UserGroupIds: ['team'], ...input })

interface TlsPlace extends Place {
  readonly ca: string
}

/** What each of these commands is answered: its value, or the first word of the error. */
const say = async (
  place: TlsPlace,
  login: { username?: string; password?: string },
  ...commands: string[]
): Promise<string[]> => {
  const { host, port, ca } = place
  const client = createClient({ socket: { host, port, tls: true, ca, reconnectStrategy: false }, ...login })
  client.on('error', () => undefined) // told by the promises
  const wordOf = (error: unknown): string => (error instanceof Error ? (error.message.split(' ')[0] ?? '') : 'failed')
  try {
    await client.connect()
  } catch (error) {
    client.destroy()
    return [wordOf(error)]
  }
  const answers: string[] = []
  for (const command of commands) answers.push(String(await client.sendCommand(command.split(' ')).catch(wordOf)))
  client.destroy()
  return answers
}

const secret = { admin: 'admin-password-of-len', reader: 'reader-password-of-len', app: 'app-password-of-len-1' } as const

const people: readonly Person[] = [
  { id: 'admin', access: 'on ~* &* +@all', password: secret.admin },
  { id: 'reader', access: 'on ~app:* -@all +@read', password: secret.reader },
  { id: 'sleeper', access: 'off ~* +@all', password: secret.reader },
  { id: 'visitor', access: 'on -@all +ping (~open:* +get)' },
]

for (const [engine, version] of [
  ['valkey', '9.1'],
  ['redis', '7.0'],
] as const)
  test(`${engine} ${version}: each user may do what his access string says, on every node, and nobody else comes in`, async () => {
    await using service = await startTestService()
    const api = service.client()
    const old: readonly Person[] =
      engine === 'redis' ? [{ id: 'nobody', name: 'default', access: 'off -@all', password: secret.app }] : []
    await makeUsers(service, engine, [...people, ...old])
    const group = await createWithTeam(service, { Engine: engine, EngineVersion: version, NumCacheClusters: 2 })
    assert.deepEqual(group.UserGroupIds, ['team'])
    const ca = service.larder('ca')
    const { host, port } = primaryOf(group)
    const primary: TlsPlace = { host, port, ca }
    const admin = { username: 'admin', password: secret.admin }
    const reader = { username: 'reader', password: secret.reader }
    assert.deepEqual(await say(primary, admin, 'SET app:1 one', 'SET open:1 two', 'CONFIG GET *', 'ACL LIST', 'ACL WHOAMI'), [
      ...['OK', 'OK', 'NOPERM', 'NOPERM', 'admin'],
    ])
    assert.deepEqual(await say(primary, reader, 'GET app:1', 'GET open:1', 'SET app:1 x'), ['one', 'NOPERM', 'NOPERM'])
    assert.deepEqual(await say(primary, { username: 'visitor', password: 'any' }, 'PING', 'GET open:1', 'GET app:1'), [
      ...['PONG', 'two', 'NOPERM'],
    ])
    for (const login of [
      { username: 'reader', password: secret.admin },
      { username: 'sleeper', password: secret.reader },
      { username: 'admin', password: '' },
      { password: secret.admin },
      { username: 'default', password: secret.app },
      { username: 'stranger', password: secret.admin },
    ])
      assert.match((await say(primary, login, 'PING')).join(), /^(WRONGPASS|NOAUTH|ERR)$/, JSON.stringify(login))
    assert.deepEqual(await say(primary, {}, 'GET app:1'), ['NOAUTH'])

    // A replica that is added later, and whoever is primary next.
    await api.send(new IncreaseReplicaCountCommand({ ReplicationGroupId: id, NewReplicaCount: 2, ApplyImmediately: true }))
    await available(service, id)
    await api.send(new TestFailoverCommand({ ReplicationGroupId: id, NodeGroupId: '0001' }))
    await until(
      'another primary',
      async () => (await service.nodes()).find((node) => node.role === 'primary')?.id !== `${id}-001`,
    )
    await available(service, id)
    for (const node of await service.nodes()) {
      const place: TlsPlace = { host: node.address, port: node.port, ca }
      assert.deepEqual(await say(place, reader, 'SET app:1 x', 'GET other'), ['NOPERM', 'NOPERM'], node.id)
      assert.deepEqual(await say(place, {}, 'GET app:1'), ['NOAUTH'], node.id)
    }

    // Another access string, another member, one member less: on running nodes, and without a new connection.
    const lasting = new Redis({ ...primary, tls: { ca }, ...reader })
    assert.equal(await lasting.get('app:1'), 'one')
    await api.send(new ModifyUserCommand({ UserId: 'reader', AccessString: 'on ~open:* -@all +get' }))
    await available(service, id)
    assert.equal(await lasting.get('open:1'), 'two')
    await assert.rejects(lasting.get('app:1'), /NOPERM/)
    await api.send(
      new CreateUserCommand({
        UserId: 'app',
        UserName: 'app',
        Engine: engine,
        AccessString: 'on ~* +@all',
        Passwords: [secret.app],
      }),
    )
    const app = { username: 'app', password: secret.app }
    assert.deepEqual(await say(primary, app, 'PING'), ['WRONGPASS'])
    await api.send(new ModifyUserGroupCommand({ UserGroupId: 'team', UserIdsToAdd: ['app'] }))
    await available(service, id)
    assert.deepEqual(await say(primary, app, 'PING'), ['PONG'])
    const ended = new Promise((resolve) => lasting.once('close', resolve))
    lasting.on('error', () => undefined) // it may not come back
    await api.send(new DeleteUserCommand({ UserId: 'reader' }))
    await available(service, id)
    await ended
    lasting.disconnect()
    assert.deepEqual(await say(primary, reader, 'PING'), ['WRONGPASS'])
    const { Users = [] } = await api.send(new DescribeUsersCommand({}))
    assert.ok(Users.every((user) => user.Status === 'active' && user.UserId !== 'reader'))

    // All of them are there after a stop of everything, too.
    const lost = (await service.nodes()).find((node) => node.role === 'replica')
    assert.ok(lost?.pid)
    process.kill(lost.pid, 'SIGKILL')
    await until('the lost one is back', async () => {
      const node = (await service.nodes()).find((each) => each.id === lost.id)
      return node?.pid != null && node.pid !== lost.pid && node.status === 'available'
    })
    assert.deepEqual(await say({ host: lost.address, port: lost.port, ca }, app, 'PING'), ['PONG'])
    api.destroy()
  })

test('passwords of users are rotated ten times under load in a sharded group, and no command fails', async () => {
  await using service = await startTestService()
  const api = service.client()
  const passwordOf = (turn: number): string => `password-number-${turn}-of-app`
  await makeUsers(service, 'valkey', [{ id: 'app', access: 'on ~* &* +@all', password: passwordOf(0) }])
  const group = await createWithTeam(service, { Engine: 'valkey', NumNodeGroups: 2, ReplicasPerNodeGroup: 1 })
  const ca = service.larder('ca')
  const { host, port } = placeOf(group.ConfigurationEndpoint)
  let valid = passwordOf(0)
  let going = true
  let done = 0
  const failures: string[] = []
  const underWay = new Set<{ readonly password: string }>()
  const clients = Array.from({ length: 50 }, async (_, index) => {
    while (going) {
      const login = { username: 'app', password: valid }
      underWay.add(login)
      const cluster = new Cluster([{ host, port }], {
        redisOptions: { tls: trusting(ca), ...login },
        clusterRetryStrategy: () => null,
        slotsRefreshTimeout: 5_000,
      })
      cluster.on('error', (error: unknown) => failures.push(String(error)))
      try {
        for (let turn = 0; turn < 5; turn += 1) await cluster.incr(`count-${index}-${turn}`)
        done += 1
      } catch (error) {
        failures.push(String(error))
      }
      cluster.disconnect()
      underWay.delete(login)
      await delay(200)
    }
  })
  const rotate = async (...Passwords: string[]): Promise<void> => {
    await api.send(new ModifyUserCommand({ UserId: 'app', Passwords }))
    await available(service, id)
  }
  try {
    for (let turn = 1; turn <= 10; turn += 1) {
      await rotate(passwordOf(turn - 1), passwordOf(turn))
      valid = passwordOf(turn)
      const newest = valid
      await until('those who have the old one finish', () => ![...underWay].some(({ password }) => password !== newest))
      await rotate(passwordOf(turn))
      await until(`${turn * 10} logins`, () => failures.length > 0 || done >= turn * 10)
    }
  } finally {
    going = false
    await Promise.all(clients)
  }
  assert.deepEqual(failures, [])
  assert.deepEqual(await say({ host, port, ca }, { username: 'app', password: passwordOf(9) }, 'PING'), ['WRONGPASS'])
  api.destroy()
})

test('a running group moves from a token to users and back, and nobody comes in without', async () => {
  await using service = await startTestService()
  const api = service.client()
  const token = 'a-token-of-the-group'
  await makeUsers(service, 'valkey', [{ id: 'app', access: 'on ~* &* +@all', password: secret.app }])
  const group = await createWithTeam(service, { Engine: 'valkey', NumCacheClusters: 2, UserGroupIds: [], AuthToken: token })
  const { host, port } = primaryOf(group)
  const place: TlsPlace = { host, port, ca: service.larder('ca') }
  const logins = [{}, { password: token }, { username: 'app', password: secret.app }]
  const who = async () => (await Promise.all(logins.map((login) => say(place, login, 'PING')))).flat()
  assert.deepEqual(await who(), ['NOAUTH', 'PONG', 'WRONGPASS'])
  await modify(service, id, { AuthTokenUpdateStrategy: 'DELETE', UserGroupIdsToAdd: ['team'] })
  assert.deepEqual(await who(), ['NOAUTH', 'WRONGPASS', 'PONG'])
  await modify(service, id, { RemoveUserGroups: true, AuthToken: token, AuthTokenUpdateStrategy: 'SET' })
  assert.deepEqual(await who(), ['NOAUTH', 'PONG', 'WRONGPASS'])
  api.destroy()
})
