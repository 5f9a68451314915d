/** Attacks on groups with users: of those who have little, of those who ask for all, and of nobody. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CreateReplicationGroupCommand,
  CreateUserCommand,
  CreateUserGroupCommand,
  type ElastiCacheClient,
} from '@aws-sdk/client-elasticache'
import { startTestService, until } from '../support/service.ts'
import { disguises } from './command-rows.ts'
import { runAttacks } from './table.ts'
import { accessOf, type Name, type UsersTarget, usersAttacks } from './users-rows.ts'
import { command } from './wire.ts'

const names = Object.keys(accessOf) as readonly Name[]
const passwordOf = (name: Name): string => `the-password-of-${name}`

const createUsers = async (client: ElastiCacheClient, engine: 'valkey' | 'redis'): Promise<void> => {
  const idOf = (name: Name): string => `${engine}-${name}`
  for (const name of names)
    await client.send(
      new CreateUserCommand({
        UserId: idOf(name),
        UserName: name,
        Engine: engine,
        AccessString: accessOf[name],
        Passwords: [passwordOf(name)],
      }),
    )
  // Redis OSS groups have a user named default: one that is off.
  const nobody = {
    UserId: `${engine}-nobody`,
    UserName: 'default',
    AccessString: 'off ~* +@all',
    Passwords: ['nobody-knows-this-one'],
  }
  if (engine === 'redis') await client.send(new CreateUserCommand({ ...nobody, Engine: engine }))
  const UserIds = [...names.map(idOf), ...(engine === 'redis' ? [nobody.UserId] : [])]
  await client.send(new CreateUserGroupCommand({ UserGroupId: `${engine}-users`, Engine: engine, UserIds }))
}

test('no user gets more than clients may have, or than his access string gives', async (context) => {
  await using service = await startTestService()
  const client = service.client()
  await createUsers(client, 'valkey')
  await createUsers(client, 'redis')
  const groups = [
    ['crew-9-1', 'valkey', '9.1', false],
    ['crew-8-1', 'valkey', '8.1', false],
    ['crew-7-0', 'redis', '7.0', false],
    ['fleet-9-1', 'valkey', '9.1', true],
  ] as const
  for (const [id, engine, version, sharded] of groups)
    await client.send(
      new CreateReplicationGroupCommand({
        ReplicationGroupId: id,
        ReplicationGroupDescription: id,
        Engine: engine,
        EngineVersion: version,
        CacheNodeType: 'cache.t4g.micro',
        TransitEncryptionEnabled: true,
        UserGroupIds: [`${engine}-users`],
        ...(sharded ? { NumNodeGroups: 2, ReplicasPerNodeGroup: 0, AutomaticFailoverEnabled: true } : { NumCacheClusters: 1 }),
      }),
    )
  await until('all available', async () => (await service.status()).groups.every(({ status }) => status === 'available'), 30_000)
  const ca = service.larder('ca')
  const nodes = await service.nodes()
  for (const [id, engine, version, sharded] of groups) {
    const node = nodes.find((each) => each.id.startsWith(id))
    assert.ok(node)
    const place = { host: node.address, port: node.port, ca }
    const target: UsersTarget = { place, client, engine, passwordOf }
    await context.test(`${engine} ${version}${sharded ? ', sharded' : ''}`, async (each) => {
      await runAttacks(each, { place, login: command('AUTH', 'greedy', passwordOf('greedy')), sharded }, disguises)
      if (!sharded) await runAttacks(each, target, usersAttacks)
    })
  }
  assert.deepEqual(
    (await service.nodes()).map(({ pid }) => pid),
    nodes.map(({ pid }) => pid),
    'every node lives, and is the same process',
  )
  client.destroy()
})
