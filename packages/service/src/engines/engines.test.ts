/** One contract for every installed Valkey and Redis OSS: started by `render`, driven by `connect`. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync, statSync } from 'node:fs'
import { connect as connectSocket, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { LarderError } from '../errors.ts'
import { startStopwatch, until } from '../testing/busy-machine.ts'
import { adapterFor } from './index.ts'
import { bothWays, installed, openYard, parametersFor, titleOf } from './testing.ts'

/** A client that says PING and reads: enough to tell a living connection from a closed one. */
const ordinaryClient = async (address: string, port: number) => {
  const socket: Socket = connectSocket({ host: address, port })
  let closed = false
  socket.on('close', () => {
    closed = true
  })
  socket.on('error', () => socket.destroy())
  const ask = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      socket.once('data', (chunk) => resolve(chunk.toString()))
      socket.once('close', () => reject(new Error('closed')))
      socket.write(`${text}\r\n`)
    })
  await ask('PING')
  return { ask, isClosed: () => closed, [Symbol.dispose]: () => socket.destroy() }
}

const code = (expected: string) => (error: unknown) => error instanceof LarderError && error.code === expected

for (const engine of await bothWays(installed('valkey', 'redis'))) {
  describe(titleOf(engine), () => {
    it('starts as planned, can be told from other processes, and says what it is', async () => {
      await using yard = await openYard()
      const floating = await yard.address()
      const node = await yard.start(await yard.plan(engine, { floating: [floating], ioThreads: 2 }))
      assert.deepEqual(await node.control.command(['CONFIG', 'GET', 'io-threads']), ['io-threads', '2'])
      const status = await node.control.status()
      assert.equal(status.pid, node.pid)
      assert.equal(status.version, engine.version)
      assert.equal(status.loading, false)
      assert.equal(status.maxMemoryBytes, node.plan.maxMemoryBytes)
      assert.deepEqual(status.bound, [node.plan.address, floating])
      assert.equal(status.replication?.role, 'primary')
      assert.equal(status.cluster, null)
      const { launch } = adapterFor(engine.engine).render(node.plan)
      const commandLine = readFileSync(`/proc/${node.pid}/cmdline`, 'utf8')
      assert.ok(commandLine.includes(launch.tag), commandLine)
      for (const secret of Object.values(node.plan.secrets)) assert.ok(!commandLine.includes(secret))
      assert.equal(statSync(node.plan.socket).mode & 0o777, 0o700)
    })

    it('says what happens in its log, and goes on in a new one when that is set aside', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      const log = join(node.plan.folder, 'engine.log')
      const says = async (file: string, words: RegExp): Promise<void> =>
        until(`${words} in ${file}`, () => existsSync(file) && words.test(readFileSync(file, 'utf8')))
      await says(log, /Ready to accept connections/)
      assert.equal(readFileSync(join(node.plan.folder, 'engine.out'), 'utf8'), '')
      renameSync(log, `${log}.1`)
      await node.control.command(['BGSAVE'])
      await says(log, /Background saving started/)
      await says(log, /DB saved on disk/)
      assert.doesNotMatch(readFileSync(`${log}.1`, 'utf8'), /Background saving/)
    })

    it('has a connection whose end is told at once when the process dies', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      const pending = node.control.command(['BLPOP', 'nothing', '0']).catch((error: unknown) => error)
      using since = startStopwatch()
      void node.kill()
      await node.control.closed
      assert.ok(since.ms() < 500)
      assert.ok(code('engine-unreachable')(await pending))
      await assert.rejects(node.control.status(), code('engine-unreachable'))
    })

    it('refuses a wrong password, and a socket that is not there', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      const adapter = adapterFor(engine.engine)
      const wrong = { ...node.plan, secrets: { control: 'wrong', replication: 'wrong' } }
      // Its own way asks the kernel who comes, and no password.
      if (engine.controlModule === undefined) await assert.rejects(adapter.connect(wrong, 1_000), code('engine-command'))
      await assert.rejects(adapter.connect({ ...node.plan, socket: `${node.plan.socket}x` }, 1_000), code('engine-unreachable'))
    })

    it('makes no connection while it hangs, and goes on afterwards on the old one', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      process.kill(node.pid, 'SIGSTOP')
      await assert.rejects(adapterFor(engine.engine).connect(node.plan, 100), code('deadline'))
      process.kill(node.pid, 'SIGCONT')
      assert.equal((await node.control.status()).pid, node.pid)
    })

    it('follows a primary, hands its data over, and stops following', async () => {
      await using yard = await openYard()
      const primary = await yard.start(await yard.plan(engine))
      await primary.control.command(['SET', 'key', 'value'])
      const { address, port } = primary.plan
      const replica = await yard.start(await yard.plan(engine, { replicaOf: { address, port } }))
      await until('the replica is in sync', async () => (await replica.control.status()).replication?.linkUp === true)
      const seen = (await replica.control.status()).replication
      assert.deepEqual([seen?.role, seen?.primary], ['replica', { address, port }])
      assert.equal(await replica.control.command(['GET', 'key']), 'value')
      const known = new RegExp(`slave0:ip=${replica.plan.address},port=${replica.plan.port},state=online`)
      const info = async (): Promise<string> => String(await primary.control.command(['INFO', 'replication']))
      await until('the primary knows it by its own address', async () => known.test(await info()))
      assert.match(
        String(await primary.control.command(['CLIENT', 'LIST', 'TYPE', 'replica'])),
        new RegExp(` addr=${replica.plan.address}:`),
      )
      await replica.control.replicate(null)
      await replica.control.replicate(null)
      assert.equal((await replica.control.status()).replication?.role, 'primary')
      await replica.control.command(['SET', 'other', 'value'])
      await replica.control.replicate({ address, port })
      await replica.control.replicate({ address, port })
      await until('it follows again', async () => (await replica.control.status()).replication?.linkUp === true)
      assert.equal(await replica.control.command(['GET', 'other']), null)
    })

    it('hands over to its replica when it is told to, without losing what was written', async () => {
      await using yard = await openYard()
      const old = await yard.start(await yard.plan(engine))
      const { address, port } = old.plan
      const heir = await yard.start(await yard.plan(engine, { replicaOf: { address, port } }))
      await until('the replica is in sync', async () => (await heir.control.status()).replication?.linkUp === true)
      await until('the primary knows it', async () => (await old.control.status()).replication?.connectedReplicas === 1)
      await old.control.command(['SET', 'key', 'value'])
      await old.control.command(['CLIENT', 'PAUSE', '4000', 'WRITE'])
      // Written before the pause, and on its way: the offsets tell when it has arrived (docs/decisions/0006).
      await until('the replica has everything', async () => {
        const [left, right] = await Promise.all([old.control.status(), heir.control.status()])
        return left.replication?.offset === right.replication?.offset
      })
      await old.control.replicate({ address: heir.plan.address, port })
      await heir.control.replicate(null)
      await old.control.command(['CLIENT', 'UNPAUSE'])
      await until('they have changed places', async () => {
        const [before, after] = await Promise.all([old.control.status(), heir.control.status()])
        return after.replication?.role === 'primary' && before.replication?.linkUp === true
      })
      assert.equal(await heir.control.command(['GET', 'key']), 'value')
    })

    it('serves a floating address from when it is bound, and closes exactly its connections when it is not', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      const { address, port } = node.plan
      const floating = await yard.address()
      using own = await ordinaryClient(address, port)
      await node.control.bind([address, floating])
      using through = await ordinaryClient(floating, port)
      await through.ask('SET key value')
      await node.control.bind([address, floating])
      assert.equal(through.isClosed(), false)
      await node.control.bind([address])
      await until('the connection is closed', async () => through.isClosed())
      assert.match(await own.ask('GET key'), /value/)
      await assert.rejects(ordinaryClient(floating, port))
      assert.deepEqual((await node.control.status()).bound, [address])
    })

    it('passes a floating address on', async () => {
      await using yard = await openYard()
      const floating = await yard.address()
      const old = await yard.start(await yard.plan(engine, { floating: [floating] }))
      const heir = await yard.start(await yard.plan(engine))
      await assert.rejects(heir.control.bind([heir.plan.address, floating]), code('engine-command'))
      assert.deepEqual((await heir.control.status()).bound, [heir.plan.address])
      await old.control.bind([old.plan.address])
      await heir.control.bind([heir.plan.address, floating])
      using client = await ordinaryClient(floating, heir.plan.port)
      assert.match(await client.ask('PING'), /PONG/)
    })

    it('takes values of parameters and a size while it runs', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      const get = async (name: string): Promise<unknown> => {
        const answer = await node.control.command(['CONFIG', 'GET', name])
        return Array.isArray(answer) ? answer[1] : undefined
      }
      await node.control.setMaxMemory(32 * 1024 ** 2)
      assert.equal(await get('maxmemory'), String(32 * 1024 ** 2))
      await node.control.applyParameters({
        'maxmemory-policy': 'allkeys-lfu',
        'notify-keyspace-events': 'KEA',
        'client-output-buffer-limit-normal-hard-limit': '1048576',
        'reserved-memory-percent': '10',
        activedefrag: 'yes',
      })
      assert.equal(await get('maxmemory-policy'), 'allkeys-lfu')
      const replica = Number(parametersFor(engine)['client-output-buffer-limit-replica-hard-limit'])
      assert.equal(
        await get('client-output-buffer-limit'),
        `normal 1048576 0 0 slave ${replica} ${replica} 60 pubsub 33554432 8388608 60`,
      )
      await assert.rejects(
        node.control.applyParameters({ 'maxmemory-policy': 'none-such', timeout: '77' }),
        code('engine-command'),
      )
      assert.equal(await get('timeout'), '0')
    })

    it('ends when it is asked to, with or without its data', async () => {
      await using yard = await openYard()
      const plan = await yard.plan(engine)
      const first = await yard.start(plan)
      await first.control.command(['SET', 'key', 'value'])
      await first.control.shutdown({ save: true })
      await first.exited
      const second = await yard.start(plan)
      assert.equal(await second.control.command(['GET', 'key']), 'value')
      await second.control.command(['SET', 'key', 'changed'])
      await second.control.shutdown({ save: false })
      await second.exited
      const third = await yard.start(plan)
      assert.equal(await third.control.command(['GET', 'key']), 'value')
    })

    it('keeps every write where the parameter group asks for an append-only file', async () => {
      await using yard = await openYard()
      const parameters = parametersFor(engine, false, { appendonly: 'yes', appendfsync: 'always' })
      const plan = await yard.plan(engine, { parameters })
      const first = await yard.start(plan)
      await first.control.command(['SET', 'key', 'value'])
      await first.kill()
      const second = await yard.start(plan)
      await until('it has loaded', async () => !(await second.control.status()).loading)
      assert.equal(await second.control.command(['GET', 'key']), 'value')
    })
  })
}
