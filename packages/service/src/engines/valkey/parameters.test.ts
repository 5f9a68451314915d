import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { familyOf } from '../../model/engine-versions.ts'
import { changeTypeOf, type ParameterDefinition, parametersOf } from '../../model/parameters.ts'
import { offeredVersions } from '../../model/served-versions.ts'
import type { InstalledEngine } from '../../ports/catalog.ts'
import { installed, openYard, parametersFor, type RunningNode, type Yard } from '../testing.ts'
import { bufferParameters, directivesOf, isOptional, startDirectives } from './parameters.ts'

describe('directives', () => {
  it('are made of those parameters only that the engine knows', () => {
    const directives = directivesOf({
      'maxmemory-policy': 'noeviction',
      'reserved-memory-percent': '25',
      'close-on-replica-write': 'yes',
      'cluster-enabled': 'yes',
      nonsense: '1',
    })
    assert.deepEqual(directives, { 'maxmemory-policy': ['noeviction'] })
  })

  it('gather the limits of output buffers in one, with the values of those that are not given', () => {
    const current = bufferParameters('normal 1 2 3 slave 4 5 6 pubsub 7 8 9')
    const directives = directivesOf({ 'client-output-buffer-limit-pubsub-hard-limit': '70' }, current)
    assert.equal(directives['client-output-buffer-limit']?.join(' '), 'normal 1 2 3 replica 4 5 6 pubsub 70 8 9')
  })

  it('leave out of the start what a build may not be able to do, and the databases of a sharded group', () => {
    assert.deepEqual(startDirectives({ activedefrag: 'yes', databases: '4' }, true), {})
    assert.deepEqual(startDirectives({ activedefrag: 'yes', databases: '4' }, false), { databases: ['4'] })
  })
})

/** The ends of what AWS allows: each word of a list, the first and the last number of a range. */
const extremes = ({ allowedValues, dataType, name }: ParameterDefinition): readonly string[] => {
  if (name === 'notify-keyspace-events') return ['', 'KEA', 'Kg$lshzxet']
  if (dataType === 'string' || dataType === 'boolean') return (allowedValues ?? '').split(',').filter((value) => value !== '')
  return (allowedValues ?? '').split(',').flatMap((part) => {
    const [, low = '0', high] = /^(-?\d+)(?:-(\d*))?$/.exec(part) ?? []
    return high === undefined ? [low] : [low, high === '' ? '1000000' : high]
  })
}

const engines = installed('valkey', 'redis')
/** Families of the versions that this engine serves, its own last. */
const familiesOn = (engine: InstalledEngine): readonly string[] => {
  const served = offeredVersions(engines).filter((each) => each.served.engine === engine.engine && each.served === engine)
  const own = familyOf(engine.engine, engine.version)
  return [...new Set([...served.map((each) => familyOf(each.engine, each.whole)), own])]
}

for (const [engine, family] of engines.flatMap((each) => familiesOn(each).map((family) => [each, family] as const))) {
  const effective = parametersFor(engine, false, {}, family)
  const modifiable = parametersOf(family).filter((each) => each.modifiable && each.name in effective)
  const cases = modifiable.flatMap((each) => extremes(each).map((value) => ({ name: each.name, value })))

  describe(`parameters of ${family} on ${engine.engine} ${engine.version}`, () => {
    let yard: Yard
    let node: RunningNode
    const get = async (name: string): Promise<string> => {
      const answer = await node.control.command(['CONFIG', 'GET', name])
      return Array.isArray(answer) ? String(answer[1]) : ''
    }
    before(async () => {
      yard = await openYard()
      node = await yard.start(await yard.plan(engine, { parameters: effective }))
    })
    after(() => yard[Symbol.asyncDispose]())

    it('are in force from the start, with their defaults', async () => {
      for (const [name, [value = '', ...more]] of Object.entries(startDirectives(node.plan.parameters, false))) {
        if (more.length === 0 && name !== 'maxclients') assert.equal(await get(name), value, name)
      }
    })

    it('are taken while it runs where AWS says so, at both ends of what is allowed', async () => {
      assert.ok(cases.length > (/^redis[2-4]/.test(family) ? 40 : 80))
      for (const { name, value } of cases.filter((each) => changeTypeOf(family, each.name) === 'immediate')) {
        await node.control.applyParameters({ [name]: value })
        const [directive, words] = Object.entries(directivesOf({ [name]: value }))[0] ?? []
        if (directive === undefined || isOptional(directive)) continue
        const found = await get(directive)
        if (words?.length === 1)
          assert.deepEqual(
            [name, [...found].sort()],
            [name, [...(directive === 'notify-keyspace-events' && value === 'KEA' ? 'AKE' : value)].sort()],
          )
        else assert.equal(bufferParameters(found)[name], value, name)
      }
    })

    it('start an engine with any of them at its lowest, and at its highest', async () => {
      const ends = (pick: (values: readonly string[]) => string | undefined): Readonly<Record<string, string>> =>
        Object.fromEntries(
          modifiable.flatMap((each) => {
            const value = pick(extremes(each))
            // Writing needs replicas then, which is what the parameter is for.
            return value === undefined || each.name === 'min-replicas-to-write' ? [] : [[each.name, value]]
          }),
        )
      for (const changes of [ends((values) => values[0]), ends((values) => values.at(-1))]) {
        for (const kind of ['cmd', 'cme'] as const) {
          const started = await yard.start(
            await yard.plan(engine, { kind, parameters: parametersFor(engine, kind === 'cme', changes, family) }),
          )
          assert.equal((await started.control.status()).loading, false)
          await started.kill()
        }
      }
    })
  })
}
