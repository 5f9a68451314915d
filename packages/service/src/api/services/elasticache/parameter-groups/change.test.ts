import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Fault } from '../../../../errors.ts'
import { type TestContext, testContext } from '../test-context.ts'
import { createCacheParameterGroup } from './create.ts'
import { describeCacheParameters } from './describe-parameters.ts'
import { modifyCacheParameterGroup } from './modify.ts'
import { resetCacheParameterGroup } from './reset.ts'

const allowed: Readonly<Record<string, readonly string[]>> = {
  timeout: ['0', '20', '300'],
  'maxmemory-policy': ['volatile-lru', 'allkeys-lru', 'noeviction'],
  'tcp-keepalive': ['0', '20', '300'],
  'notify-keyspace-events': ['', 'KEA', 'Ex'],
}
const name = fc.constantFrom(...Object.keys(allowed), 'no-such', 'maxclients')
const value = fc.constantFrom(...new Set(Object.values(allowed).flat()))

type Step =
  | { readonly kind: 'modify'; readonly values: ReadonlyMap<string, string> }
  | { readonly kind: 'reset'; readonly names: readonly string[] }
  | { readonly kind: 'reset-all' }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('modify' as const),
    values: fc.array(fc.tuple(name, value), { minLength: 1, maxLength: 4 }).map((pairs) => new Map(pairs)),
  }),
  fc.record({ kind: fc.constant('reset' as const), names: fc.uniqueArray(name, { minLength: 1, maxLength: 3 }) }),
  fc.record({ kind: fc.constant('reset-all' as const) }),
)

const perform = (context: TestContext, each: Step): Promise<unknown> => {
  const CacheParameterGroupName = 'mine'
  if (each.kind === 'reset-all') return resetCacheParameterGroup({ CacheParameterGroupName, ResetAllParameters: true }, context)
  if (each.kind === 'reset') {
    const ParameterNameValues = each.names.map((ParameterName) => ({ ParameterName }))
    return resetCacheParameterGroup({ CacheParameterGroupName, ParameterNameValues }, context)
  }
  const ParameterNameValues = [...each.values].map(([ParameterName, ParameterValue]) => ({ ParameterName, ParameterValue }))
  return modifyCacheParameterGroup({ CacheParameterGroupName, ParameterNameValues }, context)
}

/** What the group sets after the step; null where the step must be refused whole. */
const expected = (values: ReadonlyMap<string, string>, each: Step): ReadonlyMap<string, string> | null => {
  if (each.kind === 'reset-all') return new Map()
  if (each.kind === 'reset') {
    if (!each.names.every((known) => known in allowed)) return null
    return new Map([...values].filter(([known]) => !each.names.includes(known)))
  }
  if (![...each.values].every(([known, wanted]) => allowed[known]?.includes(wanted))) return null
  return new Map([...values, ...each.values])
}

describe('a parameter group', () => {
  it('holds after any changes what a plain map would hold, and refuses whole what it refuses', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const context = testContext()
        await createCacheParameterGroup(
          { CacheParameterGroupName: 'mine', CacheParameterGroupFamily: 'valkey9', Description: 'd' },
          context,
        )
        let values: ReadonlyMap<string, string> = new Map()
        for (const each of steps) {
          const next = expected(values, each)
          if (next === null) await assert.rejects(perform(context, each), Fault)
          else await perform(context, each)
          values = next ?? values
          const shown = await describeCacheParameters({ CacheParameterGroupName: 'mine', Source: 'user' }, context)
          assert.deepEqual(
            shown.Parameters?.map((parameter) => [parameter.ParameterName, parameter.ParameterValue]),
            [...values].toSorted(([a], [b]) => (a < b ? -1 : 1)),
          )
        }
      }),
      { numRuns: 100 },
    )
  })
})
