import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { familyOf } from '../../model/engine-versions.ts'
import { type ParameterDefinition, parametersOf } from '../../model/parameters.ts'
import { installed, openYard, parametersFor } from '../testing.ts'
import { parseStats } from './conversation.ts'
import { acceptable, argumentsOf } from './options.ts'

const megabyte = 1024 ** 2
const limits = { memoryBytes: 64 * megabyte, version: '1.6.18', openFiles: null }
const optionsOf = (parameters: Readonly<Record<string, string>>, version = '1.6.18'): string =>
  argumentsOf(parameters, { ...limits, version }).join(' ')

describe('the command line', () => {
  it('has letters, and one list of words', () => {
    const text = optionsOf({
      max_simultaneous_connections: '100',
      cas_disabled: '1',
      disable_flush_all: '0',
      slab_reassign: '0',
      hash_algorithm: 'murmur3',
    })
    assert.equal(text, '-c 100 -C -o no_slab_reassign,hash_algorithm=murmur3')
  })

  it('leaves out what is not the engine’s own', () => {
    assert.equal(optionsOf({ memcached_connections_overhead: '100', config_max: '16', nonsense: '1' }), '')
  })

  it('never asks for more connections than files may be open', () => {
    const asked = argumentsOf({ max_simultaneous_connections: '65000' }, { ...limits, openFiles: 4_096 })
    assert.deepEqual(asked, ['-c', '3896'])
  })

  it('leaves out the option that old versions read as another one too', () => {
    assert.equal(optionsOf({ worker_logbuf_size: '64' }), '')
    assert.equal(optionsOf({ worker_logbuf_size: '64' }, '1.6.40'), '-o worker_logbuf_size=64')
  })

  it('has only sizes that go together', () => {
    const bytes = fc.integer({ min: 1_024, max: 1024 ** 3 })
    fc.assert(
      fc.property(bytes, fc.integer({ min: 1_024, max: megabyte }), bytes, (item, chunk, memory) => {
        const memoryBytes = Math.max(16 * megabyte, memory)
        const given = acceptable({ max_item_size: String(item), slab_chunk_max: String(chunk) }, memoryBytes)
        const [size, piece] = [Number(given['max_item_size']), Number(given['slab_chunk_max'])]
        assert.ok(size <= memoryBytes / 2 && size <= item)
        assert.ok(size % piece === 0 && megabyte % piece === 0 && piece >= 1_024)
      }),
    )
  })
})

const extremes = ({ allowedValues, dataType }: ParameterDefinition): readonly string[] => {
  if (dataType === 'string' || dataType === 'boolean') return (allowedValues ?? '').split(',')
  return (allowedValues ?? '').split(',').flatMap((part) => {
    const [low = '0', high] = part.split('-')
    return high === undefined ? [low] : [low, high === '' ? '100000' : high]
  })
}

for (const engine of installed('memcached')) {
  const own = familyOf('memcached', engine.version)
  const modifiable = parametersOf(own).filter((each) => each.modifiable)

  describe(`parameters on Memcached ${engine.version}`, () => {
    it('start it, each at both ends of what is allowed', { concurrency: 4 }, async (test) => {
      await using yard = await openYard()
      const cases = modifiable.flatMap((each) => extremes(each).map((value) => [each.name, value] as const))
      assert.ok(cases.length > 40)
      await Promise.all(
        cases.map(([name, value]) =>
          test.test(`${name} = ${value}`, async () => {
            const node = await yard.start(
              await yard.plan(engine, { parameters: parametersFor(engine, false, { [name]: value }) }),
            )
            assert.equal((await node.control.status()).pid, node.pid)
            await node.kill()
          }),
        ),
      )
    })

    it('start it all together, at the lowest and at the highest, those of older families too', async () => {
      await using yard = await openYard()
      for (const family of new Set(['memcached1.4', 'memcached1.5', own])) {
        const changeable = parametersOf(family).filter((each) => each.modifiable)
        for (const at of [0, -1]) {
          const changes = Object.fromEntries(changeable.map((each) => [each.name, extremes(each).at(at) ?? '']))
          const parameters = parametersFor(engine, false, changes, family)
          const node = await yard.start(await yard.plan(engine, { parameters }))
          assert.equal((await node.control.status()).pid, node.pid)
        }
      }
    })

    it('are in force', async () => {
      await using yard = await openYard()
      const changes = {
        max_item_size: '2097152',
        chunk_size: '96',
        idle_timeout: '300',
        lru_crawler: '0',
        cas_disabled: '1',
        hash_algorithm: 'murmur3',
      }
      const node = await yard.start(await yard.plan(engine, { cpus: 3, parameters: parametersFor(engine, false, changes) }))
      const settings = parseStats(String(await node.control.command(['stats', 'settings'])))
      const wanted: Readonly<Record<string, string>> = {
        item_size_max: '2097152',
        chunk_size: '96',
        idle_timeout: '300',
        lru_crawler: 'no',
        cas_enabled: 'no',
        hash_algorithm: 'murmur3',
        num_threads: '3',
        maxbytes: String(node.plan.maxMemoryBytes),
        udpport: '0',
        inter: node.plan.address,
      }
      assert.deepEqual(Object.fromEntries(Object.keys(wanted).map((name) => [name, settings.get(name)])), wanted)
    })

    it('by default store items of every size up to the largest', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      for (const size of [1, 100, 5_000, 300_000, 1_000_000]) {
        assert.equal(await node.control.command([`set key 0 0 ${size}\r\n${'x'.repeat(size)}`]), 'STORED', String(size))
      }
      const classes = parseStats(String(await node.control.command(['stats', 'slabs'])))
      assert.ok(new Set([...classes.keys()].flatMap((key) => /^(\d+):/.exec(key)?.[1] ?? [])).size >= 3)
    })
  })
}
