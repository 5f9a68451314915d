/** The contract of a control connection, on every installed Memcached. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { LarderError } from '../../errors.ts'
import { until } from '../../testing/busy-machine.ts'
import { adapterFor } from '../index.ts'
import { installed, openYard } from '../testing.ts'

/** Of each thread, as the kernel has it. */
const statesOf = (pid: number): readonly (string | undefined)[] =>
  readdirSync(`/proc/${pid}/task`).map((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8').split(') ').at(-1)?.slice(0, 1),
  )

const code = (expected: string) => (error: unknown) => error instanceof LarderError && error.code === expected

for (const engine of installed('memcached')) {
  describe(`Memcached ${engine.version}`, () => {
    it('starts as planned, can be told from other processes, and says what it is', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      const status = await node.control.status()
      assert.deepEqual(
        [status.pid, status.version, status.maxMemoryBytes, status.bound],
        [node.pid, engine.version, node.plan.maxMemoryBytes, [node.plan.address]],
      )
      assert.ok(status.clients >= 1)
      const { launch } = adapterFor('memcached').render(node.plan)
      assert.ok(readFileSync(`/proc/${node.pid}/cmdline`, 'utf8').includes(launch.tag))
    })

    it('has a connection whose end is told at once when the process dies', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      process.kill(node.pid, 'SIGSTOP')
      await until('every thread of it stands still', async () => statesOf(node.pid).every((state) => state === 'T'))
      const pending = node.control.status(20_000).catch((error: unknown) => error)
      await assert.rejects(adapterFor('memcached').connect(node.plan, 100), code('deadline'))
      void node.kill()
      await node.control.closed
      assert.ok(code('engine-unreachable')(await pending))
      await assert.rejects(adapterFor('memcached').connect(node.plan, 3_000), code('engine-unreachable'))
    })

    it('ends by a signal, and has no command for it', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      await assert.rejects(node.control.shutdown({ save: false }), code('engine-command'))
      process.kill(node.pid, 'SIGTERM')
      await node.exited
    })

    it('holds the list of nodes for clients of old', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      const text = '3\n127.65.0.1|127.65.0.1|11211 127.65.0.2|127.65.0.2|11211\n'
      await node.control.publishDiscovery('2\nother\n')
      await node.control.publishDiscovery(text)
      const answer = await node.control.command(['get', 'AmazonElastiCache:cluster'])
      assert.equal(answer, `VALUE AmazonElastiCache:cluster 0 ${text.length}\r\n${text}\r\nEND`)
    })

    it('takes another size while it runs', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      await node.control.setMaxMemory(48 * 1024 ** 2)
      assert.equal((await node.control.status()).maxMemoryBytes, 48 * 1024 ** 2)
      await assert.rejects(node.control.setMaxMemory(1), code('engine-command'))
    })
  })
}
