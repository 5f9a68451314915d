/** What every adapter does, on real servers. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isCacheError } from '../errors.ts'
import { engines, openServers, type Server, type Servers, slowness, trust, until } from '../testing/servers.ts'
import { type Connect, type Connection, type ConnectionOptions, run, script } from './connection.ts'

const text = (value: unknown): string => String(value)

interface Abilities {
  readonly tracking: boolean
  /** Why it cannot connect. */
  readonly saysWhy: boolean
}

export const connectionContract = (name: string, connect: Connect, abilities: Abilities): void => {
  for (const [clustered, tls] of [
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ] as const)
    describe(`${name} to ${clustered ? 'a cluster' : 'one server'}${tls ? ', with TLS' : ''}`, () => {
      const connectTo = (options: ConnectionOptions) => connect({ ...options, ...(tls ? { tls: trust } : {}) })
      let servers: Servers
      let nodes: readonly Server[]
      let connection: Connection
      const url = () => nodes[0]?.url ?? ''
      before(async () => {
        servers = await openServers({ tls })
        nodes = clustered ? await servers.cluster(3) : [await servers.start()]
        connection = await connectTo({ url: url() })
      })
      after(async () => {
        await connection.close()
        await servers[Symbol.asyncDispose]()
      })

      it('finds by itself what kind it is', () => assert.equal(connection.clustered, clustered))

      it('gives the answers in the order of the questions, bytes as they are', async () => {
        const bytes = Buffer.from([0, 255, 13, 10, 0x80])
        const keys = Array.from({ length: 30 }, (_, index) => `order:${index}`)
        const answers = await connection.send([
          ...keys.map((key) => ({ key, args: ['SET', key, Buffer.concat([bytes, Buffer.from(key)])] })),
          ...keys.map((key) => ({ key, args: ['GET', key] })),
          { key: 'none', args: ['GET', 'none'] },
          { key: 'order:0', args: ['STRLEN', 'order:0'] },
        ])
        assert.equal(text(answers[0]?.value), 'OK')
        for (const [index, key] of keys.entries())
          assert.deepEqual(answers[keys.length + index]?.value, Buffer.concat([bytes, Buffer.from(key)]))
        assert.equal(answers[60]?.value, null)
        assert.equal(answers[61]?.value, 12)
      })

      it('runs scripts, also on servers that have lost them', async () => {
        const what = script("return {redis.call('INCRBY', KEYS[1], ARGV[1]), KEYS[1], false}")
        for (const expected of [5, 10]) {
          const [answer] = await connection.send([run(what, ['counter'], ['5'])])
          assert.ok(Array.isArray(answer?.value))
          assert.deepEqual([answer.value[0], text(answer.value[1]), answer.value[2]], [expected, 'counter', null])
          for (const node of nodes) await node.command('SCRIPT', 'FLUSH')
        }
      })

      it('says what the server refuses, and goes on', async () => {
        await connection.send([{ key: 'text', args: ['SET', 'text', 'x'] }])
        await assert.rejects(
          connection.send([{ key: 'text', args: ['LPUSH', 'text', 'y'] }]),
          (error: unknown) => isCacheError(error, 'refused') && /WRONGTYPE/.test(error.message),
        )
        assert.equal(text((await connection.send([{ key: 'text', args: ['GET', 'text'] }]))[0]?.value), 'x')
      })

      it('gives an epoch that stays, is the same for everybody, and is another one when the server has started anew', async () => {
        await using own = await openServers({ tls })
        const server = await own.start()
        const [a, b] = [await connectTo({ url: server.url }), await connectTo({ url: server.url })]
        const epoch = async (one: Connection) => (await one.send([{ key: 'k', args: ['PING'] }]))[0]?.epoch
        const first = await epoch(a)
        assert.ok(first !== undefined && first.length > 4)
        assert.deepEqual([await epoch(a), await epoch(b)], [first, first])
        await server.kill()
        await assert.rejects(epoch(a), (error: unknown) => isCacheError(error, 'unavailable'))
        await server.restart()
        await until('it is connected again', () =>
          epoch(a).then(
            (present) => present !== first,
            () => false,
          ),
        )
        await until('it is connected again', () =>
          epoch(b).then(
            (present) => present !== first,
            () => false,
          ),
        )
        assert.equal(await epoch(a), await epoch(b))
        await Promise.all([a.close(), b.close()])
      })

      it('keeps nobody waiting for a server that hangs, and is back when it is', async () => {
        await using own = await openServers({ tls })
        const server = await own.start()
        const one = await connectTo({ url: server.url, commandTimeout: 100 })
        const ping = () => one.send([{ key: 'k', args: ['PING'] }])
        process.kill(server.pid, 'SIGSTOP')
        const began = performance.now()
        await assert.rejects(ping(), (error: unknown) => isCacheError(error, 'unavailable'))
        assert.ok(performance.now() - began < 1_000 * slowness)
        process.kill(server.pid, 'SIGCONT')
        await until('it answers', () =>
          ping().then(
            () => true,
            () => false,
          ),
        )
        await one.close()
        await assert.rejects(ping(), (error: unknown) => isCacheError(error, 'closed'))
      })

      it('does not take a replica for a primary, nor the data of before a promotion for that of after it', async () => {
        await using own = await openServers({ tls })
        const [primary, replica] = clustered ? await own.cluster(1, 1) : [await own.start(), await own.start()]
        assert.ok(primary && replica)
        if (!clustered) await replica.command('REPLICAOF', primary.address, String(primary.port))
        const one = await connectTo({ url: clustered ? primary.url : primary.url, connectTimeout: 500 })
        const ask = () =>
          one.send([{ key: 'k', args: ['GET', 'k'] }]).then(
            ([answer]) => answer?.epoch ?? '',
            () => '',
          )
        const before = await ask()
        assert.notEqual(before, '')
        if (clustered) await replica.command('CLUSTER', 'FAILOVER', 'TAKEOVER')
        else {
          await replica.command('REPLICAOF', 'NO', 'ONE')
          await primary.command('REPLICAOF', replica.address, String(replica.port))
        }
        if (clustered) await until('it has followed', async () => ![before, ''].includes(await ask()))
        else {
          await until('it is not asked any longer', async () => (await ask()) === '')
          await assert.rejects(connectTo({ url: primary.url, connectTimeout: 300 }), (error: unknown) =>
            isCacheError(error, 'unavailable'),
          )
        }
        await one.close()
      })

      if (tls)
        it('speaks with nobody whose certificate it does not trust', async () => {
          await assert.rejects(
            connect({ url: url(), connectTimeout: 500 }),
            (error: unknown) => isCacheError(error, 'unavailable') && (!abilities.saysWhy || /certificate/.test(error.message)),
          )
        })

      it('says when nobody is there, who may not, and what is no url', async () => {
        await assert.rejects(
          connectTo({ url: `${tls ? 'rediss' : 'redis'}://127.0.0.1:1`, connectTimeout: 300 }),
          (error: unknown) => isCacheError(error, 'unavailable'),
        )
        await assert.rejects(connectTo({ url: 'localhost' }), (error: unknown) => isCacheError(error, 'usage'))
        await assert.rejects(connect({ url: 'redis://127.0.0.1:1', tls: trust }), (error: unknown) =>
          isCacheError(error, 'usage'),
        )
        await using own = await openServers({ tls })
        const server = await own.start(['--user', 'some', 'on', '>p@ss', '~*', '&*', '+@all'])
        await server.command('CONFIG', 'SET', 'requirepass', 'secret')
        await assert.rejects(connectTo({ url: server.url }), (error: unknown) => isCacheError(error, 'refused'))
        const wrong = server.url.replace('//', '//:wrong@')
        await assert.rejects(connectTo({ url: wrong }), (error: unknown) => isCacheError(error, 'refused'))
        await (await connectTo({ url: server.url.replace('//', '//:secret@') })).close()
        await (await connectTo({ url: server.url.replace('//', '//some:p%40ss@') })).close()
        await (await connectTo({ url: server.url, credentials: async () => ({ username: 'some', password: 'p@ss' }) })).close()
      })

      it('asks again for credentials that end, and authenticates the open connection by them', async () => {
        await using own = await openServers({ tls })
        const server = await own.start(['--user', 'some', 'on', '>one', '~*', '&*', '+@all'])
        let asked = 0
        let password = 'one'
        const credentials = async () => {
          asked += 1
          return { username: 'some', password, renewAfter: 20 }
        }
        const one = await connectTo({ url: server.url, credentials })
        await until('it has asked again', () => asked >= 3)
        await server.command('ACL', 'SETUSER', 'some', '>two')
        password = 'two'
        const before = asked
        await until('it has asked again for the new ones', () => asked >= before + 2)
        assert.equal(text((await one.send([{ key: 'k', args: ['ACL', 'WHOAMI'] }]))[0]?.value), 'some')
        await one.close()
      })

      it('is the user and in the database that the url names, and in no other one where these are refused', async () => {
        await using own = await openServers({ tls })
        const server = await own.start(['--user', 'so@me', 'on', '>p/%é', '~*', '&*', '+@all'])
        const named = server.url.replace('//', '//so%40me:p%2F%25%C3%A9@')
        const one = await connectTo({ url: `${named}/3` })
        await one.send([{ key: 'k', args: ['SET', 'k', 'three'] }])
        const [who] = await one.send([{ key: 'k', args: ['ACL', 'WHOAMI'] }])
        await one.close()
        assert.equal(text(who?.value), 'so@me')
        assert.equal(await server.command('GET', 'k'), null)
        assert.match(String(await server.command('INFO', 'keyspace')), /db3:keys=1/)
        await assert.rejects(connectTo({ url: `${server.url}/99`, connectTimeout: 500 }), (error: unknown) =>
          isCacheError(error, abilities.saysWhy ? 'refused' : 'unavailable'),
        )
      })

      it('goes on with a password that is another one meanwhile, and says why when it cannot come back', async () => {
        await using own = await openServers({ tls })
        const server = await own.start(['--user', 'some', 'on', '>one', '~*', '&*', '+@all'])
        const one = await connectTo({ url: server.url.replace('//', '//some:one@') })
        const ping = () => one.send([{ key: 'k', args: ['PING'] }])
        await server.command('ACL', 'SETUSER', 'some', 'resetpass', '>two')
        await ping()
        await server.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await until('it says why', () =>
          ping().then(
            () => false,
            (error: unknown) => isCacheError(error, 'unavailable') && /WRONGPASS/.test(error.message),
          ),
        )
        await server.command('ACL', 'SETUSER', 'some', '>one')
        await until('it is back', () =>
          ping().then(
            () => true,
            () => false,
          ),
        )
        await one.close()
      })

      if (clustered)
        it('needs no more permissions than the documentation names', async () => {
          const allowed = ['+@read', '+@write', '+@scripting', '+info', '+ping', '+client', '+wait', '+time']
          const more = ['+cluster|slots', '+cluster|myid', '+asking', '+readonly']
          for (const node of nodes)
            await node.command('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '~cache:*', ...allowed, ...more)
          const named = url().replace('//', '//app:secret@')
          const one = await connectTo({ url: named })
          await one.send(['a', 'b', 'c'].map((key) => ({ key: `cache:${key}`, args: ['SET', `cache:${key}`, 'x'] })))
          await one.close()
          for (const node of nodes) await node.command('ACL', 'SETUSER', 'app', '-cluster')
          await assert.rejects(connectTo({ url: named }), (error: unknown) => isCacheError(error, 'refused'))
          for (const node of nodes) await node.command('ACL', 'DELUSER', 'app')
        })

      if (abilities.tracking)
        it('tells of changes of what was read, before the answer to what was asked later', async () => {
          const told: (readonly string[] | null)[] = []
          let losses = 0
          const one = await connectTo({ url: url(), track: true })
          const { tracking } = one
          assert.ok(tracking)
          tracking.onInvalidated((keys) => told.push(keys))
          tracking.onLost(() => {
            losses += 1
          })
          const keys = ['track:a', 'track:b', 'track:c']
          await one.send(keys.map((key) => ({ key, args: ['GET', key] })))
          for (const key of keys) {
            await connection.send([{ key, args: ['SET', key, '1'] }])
            await tracking.settle()
            assert.deepEqual(told.flat().at(-1), key)
          }
          assert.equal(losses, 0)
          await one.close()
        })
      else it('says that it cannot tell of changes', () => assert.equal(connection.tracking, null))
    })
}

/** Every engine that is installed serves it. */
export const enginesContract = (name: string, connect: Connect): void => {
  for (const engine of engines)
    it(`${name} speaks with ${engine.engine} ${engine.version}`, async () => {
      await using servers = await openServers()
      const server = await servers.start([], engine)
      const connection = await connect({ url: server.url, track: true })
      const [answer] = await connection.send([{ key: 'k', args: ['SET', 'k', 'v', 'PX', '1000'] }])
      assert.equal(text(answer?.value), 'OK')
      await connection.close()
    })
}
