/** Clients that want to keep Larder from a group: what it does to the group takes no longer because of them. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import {
  CreateCacheParameterGroupCommand,
  CreateUserCommand,
  CreateUserGroupCommand,
  DescribeReplicationGroupsCommand,
  type ElastiCacheClient,
  ModifyCacheParameterGroupCommand,
  ModifyReplicationGroupCommand,
  ModifyUserGroupCommand,
} from '@aws-sdk/client-elasticache'
import { findTool } from '../../packages/service/src/engines/tools.ts'
import { openWayIn } from '../../packages/service/src/engines/valkey/connection.ts'
import { controlSocket } from '../../packages/service/src/engines/valkey/render.ts'
import { openHome } from '../../packages/service/src/home/home.ts'
import { available, create } from '../support/groups.ts'
import { startTestService, type TestService, until } from '../support/service.ts'
import { type HinderTarget, hinderingAttacks, placesOfNode } from './hindering-rows.ts'
import { runAttacks } from './table.ts'
import { command, type Place, talk } from './wire.ts'

const prlimit = findTool('prlimit', process.env)
/** What an engine keeps for itself of the files that it may open. */
const reserved = 32
const versions = ['9.1', '8.1', '7.0'] as const
const token = (turn: number): string => `token-of-the-group-${turn}`

interface Stage {
  readonly service: TestService
  readonly client: ElastiCacheClient
  readonly ca: string
}

const placesOf = async ({ service, ca }: Stage, id: string): Promise<readonly Place[]> =>
  (await service.nodes()).filter((node) => node.id.startsWith(`${id}-`)).map(({ address, port }) => ({ host: address, port, ca }))

/** Whether nobody comes in with it any more, anywhere. An engine that takes nobody at all says nothing of it: its rules are asked for. */
const isRefused = async (stage: Stage, id: string, user: string, password: string): Promise<boolean> => {
  const said = await Promise.all(
    (await placesOf(stage, id)).map((place) => talk(place, command('AUTH', user, password), command('PING'))),
  )
  return said.every((each) => /^-WRONGPASS/.test(each))
}

const groupOf = async ({ client }: Stage, id: string) => {
  const { ReplicationGroups: [group] = [] } = await client.send(new DescribeReplicationGroupsCommand({ ReplicationGroupId: id }))
  return group
}

/** Until every node says so to control itself: clients may not come in meanwhile, and the API may say that all is well before it has begun. */
const untilInForce = async ({ service }: Stage, id: string, words: readonly string[], isInForce: (said: string) => boolean) => {
  const home = openHome(service.home)
  const ids = ['001', '002'].map((number) => `${id}-${number}`)
  for (const node of ids) {
    // An engine that carries out a script says nothing for some seconds.
    const way = await openWayIn(controlSocket(home.socket('us-east-1', node)), 10_000)
    assert.ok(way, `${node} has a way in for control`)
    try {
      await until(`${words.join(' ')} in force at ${node}`, async () => isInForce(JSON.stringify(await way.send(words, 1_000))))
    } finally {
      way.close()
    }
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

const primaryOf = async (stage: Stage, id: string): Promise<string> => {
  const group = await groupOf(stage, id)
  return group?.NodeGroups?.[0]?.NodeGroupMembers?.find((each) => each.CurrentRole === 'primary')?.CacheClusterId ?? ''
}

const untilAnotherPrimary = (stage: Stage, id: string, before: string) =>
  until('another primary', async () => ![before, ''].includes(await primaryOf(stage, id)))

/** A group with the users `mallory` and `alice`: the first is taken away. */
const crew = async (stage: Stage, version: string): Promise<HinderTarget> => {
  const { client, service } = stage
  const engine = version === '7.0' ? 'redis' : 'valkey'
  const id = `crew-${version.replace('.', '-')}`
  const userId = (name: string): string => `${name}-${version.replace('.', '-')}`
  const password = 'the-password-of-mallory'
  const names = ['mallory', 'alice', ...(engine === 'redis' ? ['default'] : [])]
  for (const name of names) {
    await client.send(
      new CreateUserCommand({
        UserId: userId(name),
        UserName: name,
        Engine: engine,
        AccessString: 'on ~* &* +@all',
        Passwords: [`the-password-of-${name}-really`.slice(0, name === 'mallory' ? password.length : undefined)],
      }),
    )
  }
  const UserGroupId = `team-${version.replace('.', '-')}`
  await client.send(new CreateUserGroupCommand({ UserGroupId, Engine: engine, UserIds: names.map(userId) }))
  const parameters = `set-${version.replace('.', '-')}`
  const family = engine === 'redis' ? 'redis7' : `valkey${version.slice(0, 1)}`
  await client.send(
    new CreateCacheParameterGroupCommand({
      CacheParameterGroupName: parameters,
      CacheParameterGroupFamily: family,
      Description: id,
    }),
  )
  await create(service, id, {
    EngineVersion: version,
    NumCacheClusters: 2,
    TransitEncryptionEnabled: true,
    UserGroupIds: [UserGroupId],
    CacheParameterGroupName: parameters,
  })
  const places = await placesOf(stage, id)
  const pids = async () => new Map((await service.nodes()).map((node) => [node.id.split('.')[0] ?? '', node.pid]))
  let before = await pids()
  let timeout = 300
  const takeAway = async () => {
    const input = { UserGroupId, UserIdsToRemove: [userId('mallory')] }
    await client.send(new ModifyUserGroupCommand(input))
    await untilInForce(stage, id, ['ACL', 'USERS'], (said) => !said.includes('mallory'))
    return async () => {
      assert.ok(await isRefused(stage, id, 'mallory', password), 'nobody comes in as that user')
      await client.send(new ModifyUserGroupCommand({ UserGroupId, UserIdsToAdd: [userId('mallory')] }))
      await available(service, id)
    }
  }
  const change = async () => {
    timeout += 1
    await client.send(
      new ModifyCacheParameterGroupCommand({
        CacheParameterGroupName: parameters,
        ParameterNameValues: [{ ParameterName: 'timeout', ParameterValue: String(timeout) }],
      }),
    )
    await untilInForce(stage, id, ['CONFIG', 'GET', 'timeout'], (said) => said.includes(String(timeout)))
    return () => until('the change is done', async () => (await groupOf(stage, id))?.Status === 'available')
  }
  const back = async () => {
    await available(service, id)
    before = await pids()
  }
  return {
    places: () => places,
    user: 'mallory',
    password: () => password,
    changes: {
      'settings change': change,
      'a user is taken away': takeAway,
      'a planned switch': async () => {
        const former = await primaryOf(stage, id)
        const [, heir] = [...before.keys()].filter((each) => each.startsWith(`${id}-`)).sort((a) => (a === former ? -1 : 1))
        await client.send(
          new ModifyReplicationGroupCommand({ ReplicationGroupId: id, PrimaryClusterId: heir, ApplyImmediately: true }),
        )
        await untilAnotherPrimary(stage, id, former)
        return back
      },
      'a killed primary': async () => {
        const former = await primaryOf(stage, id)
        const pid = before.get(former)
        assert.ok(pid)
        process.kill(pid, 'SIGKILL')
        await untilAnotherPrimary(stage, id, former)
        return back
      },
    },
  }
}

const vault = async (stage: Stage, version: string): Promise<HinderTarget> => {
  const { client, service } = stage
  const id = `vault-${version.replace('.', '-')}`
  let turn = 0
  await create(service, id, {
    EngineVersion: version,
    NumCacheClusters: 2,
    TransitEncryptionEnabled: true,
    AuthToken: token(turn),
  })
  const places = await placesOf(stage, id)
  return {
    places: () => places,
    user: 'default',
    password: () => token(turn),
    changes: {
      'a token is rotated': async () => {
        for (const AuthTokenUpdateStrategy of ['ROTATE', 'SET'] as const) {
          const input = { AuthToken: token(turn + 1), AuthTokenUpdateStrategy, ApplyImmediately: true }
          await client.send(new ModifyReplicationGroupCommand({ ReplicationGroupId: id, ...input }))
          await untilInForce(stage, id, ['ACL', 'GETUSER', 'default'], (said) => {
            const isOldIn = said.includes(sha256(token(turn)))
            return said.includes(sha256(token(turn + 1))) && isOldIn === (AuthTokenUpdateStrategy === 'ROTATE')
          })
          await until('the group takes the next change', async () => (await groupOf(stage, id))?.Status === 'available')
        }
        return async () => {
          turn += 1
          assert.ok(await isRefused(stage, id, 'default', token(turn - 1)), 'nobody comes in with the old token')
        }
      },
    },
  }
}

test('nobody keeps Larder from a group', { skip: prlimit === null && 'needs prlimit' }, async (context) => {
  await using service = await startTestService()
  const [program = '', ...args] = prlimit ?? []
  const limit = placesOfNode + reserved
  execFileSync(program, [...args, '--pid', String(service.pid()), `--nofile=${limit}:${limit}`])
  const client = service.client()
  const stage = { service, client, ca: service.larder('ca') }
  for (const version of versions) {
    await context.test(`version ${version}`, async (each) => {
      for (const target of [await crew(stage, version), await vault(stage, version)])
        await runAttacks(each, target, hinderingAttacks(Object.keys(target.changes)))
    })
  }
  client.destroy()
})
