/** The application library on groups of Larder, with TLS, IAM and a primary that dies in the middle. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { CreateUserCommand, CreateUserGroupCommand } from '@aws-sdk/client-elasticache'
import { Logger } from '@valkey/valkey-glide'
import { connectGlide } from '../packages/client/src/adapters/glide.ts'
import { connectIoredis } from '../packages/client/src/adapters/ioredis.ts'
import { type Connect, connectNodeRedis, createCache, iamCredentials } from '../packages/client/src/index.ts'
import { create } from './support/groups.ts'
import { keysOf, whereIs } from './support/library.ts'
import { startTestService, until } from './support/service.ts'
import { signalEngine } from './support/signals.ts'

Logger.init('off')

for (const shards of [null, 2])
  test(`a cache on a group ${shards === null ? 'without' : 'in'} cluster mode gives nothing stale while its primary dies`, async () => {
    await using service = await startTestService()
    const id = 'library'
    const nodes = shards === null ? { NumCacheClusters: 3 } : { NumNodeGroups: shards, ReplicasPerNodeGroup: 1 }
    const api = service.client()
    const user = { UserId: 'iam-app', UserName: 'iam-app', Engine: 'valkey', AccessString: 'on ~* &* +@all' }
    await api.send(new CreateUserCommand({ ...user, AuthenticationMode: { Type: 'iam' } }))
    await api.send(new CreateUserGroupCommand({ UserGroupId: 'team', Engine: 'valkey', UserIds: ['iam-app'] }))
    api.destroy()
    await create(service, id, { ...nodes, TransitEncryptionEnabled: true, UserGroupIds: ['team'] })
    const found = await whereIs(service, id)
    const keys = () => keysOf(service)
    const open = (connect: Connect, near = false) =>
      createCache({
        connect,
        ...found,
        tls: { ca: service.larder('ca') },
        credentials: iamCredentials({ cacheName: id, user: 'iam-app', region: 'us-east-1', keys }),
        ...(near ? { near: { maxBytes: 1_000_000 } } : {}),
      })
    const caches = [
      await open(connectNodeRedis, true),
      await open(connectNodeRedis),
      await open(connectIoredis, true),
      await open(connectGlide),
    ]
    /** Another one for each turn, and another one for each name. */
    const cacheOf = (turn: number) => caches[(turn + Math.floor(turn / names.length)) % caches.length]
    /** What the source has, and what an invalidation that has returned has made of it. */
    const [source, floor] = [new Map<string, number>(), new Map<string, number>()]
    const names = Array.from({ length: 8 }, (_, index) => `item:${index}`)
    let [going, reads, stale] = [true, 0, 0]
    const read = async (turn: number): Promise<void> => {
      const name = names[turn % names.length] ?? ''
      const least = floor.get(name) ?? 0
      const found = await cacheOf(turn)?.get(name, async () => source.get(name) ?? 0, { tags: [name] })
      reads += 1
      if ((found ?? -1) < least) stale += 1
    }
    const reading = Array.from({ length: 4 }, async (_, reader) => {
      for (let turn = reader; going; turn += 3) {
        await read(turn)
        await delay(1)
      }
    })
    const writing = (async () => {
      for (let turn = 0; going; turn += 1) {
        const name = names[turn % names.length] ?? ''
        const version = (source.get(name) ?? 0) + 1
        source.set(name, version)
        const told = await cacheOf(turn)
          ?.invalidate([name])
          .then(
            () => true,
            () => false,
          )
        if (told === true) floor.set(name, version)
        await delay(5)
      }
    })()
    try {
      await until('all are used', () => caches.every((cache) => cache.counters().hits > 50))
      const primary = (await service.nodes()).find(({ role }) => role === 'primary')
      signalEngine(service.home, primary?.pid, 'SIGKILL')
      await until(
        'another primary',
        async () => (await service.nodes()).find((node) => node.id === primary?.id)?.role === 'replica',
      )
      const before = caches.map((cache) => cache.counters().hits)
      await until('all are used again', () => caches.every((cache, index) => cache.counters().hits > (before[index] ?? 0) + 50))
    } finally {
      going = false
      await Promise.all([...reading, writing])
      await Promise.all(caches.map((cache) => cache.close()))
    }
    assert.equal(stale, 0, `${stale} of ${reads} reads were stale`)
  })
