import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LarderError } from '../errors.ts'
import type { NodeState } from '../model/group.ts'
import type { EngineControl, EngineStatus } from '../ports/engine.ts'
import { groupSpec } from '../testing/fixtures.ts'
import { createProbe, shared } from './probes.ts'

const spec = groupSpec('shop', 'cmd', 1, 1)
const node = { id: 'shop-001', process: { pid: 7, startTime: '1', bootId: 'b' } } as NodeState
const engine = { pid: 7, version: '9.1.2' } as EngineStatus

const probeOf = (options: { readonly own: boolean; readonly status: () => Promise<EngineStatus>; readonly runs?: boolean }) => {
  const closed: string[] = []
  const control = { status: options.status, close: () => closed.push('closed') } as unknown as EngineControl
  const probe = createProbe({
    host: { check: async () => (options.runs === false ? 'gone' : 'running') },
    tag: () => 'tag',
    connect: async () => ({ control, own: options.own }),
  })
  return { probe, closed }
}

const unreachable = async (): Promise<never> => {
  throw new LarderError('deadline', 'no answer', { retry: true })
}

for (const own of [true, false]) {
  for (const answers of [true, false]) {
    test(`a connection of ${own ? 'its own is closed' : 'others is left open'} when the engine ${answers ? 'answers' : 'does not answer'}`, async () => {
      const { probe, closed } = probeOf({ own, status: answers ? async () => engine : unreachable })
      assert.deepEqual(await probe(spec, node), { pid: 7, engine: answers ? engine : null })
      assert.deepEqual(closed, own ? ['closed'] : [])
    })
  }
}

test('a node without a process, or whose process has ended, is not asked', async () => {
  const ask = (): Promise<never> => assert.fail('it was asked')
  const { probe } = probeOf({ own: true, status: ask, runs: false })
  assert.deepEqual(await probe(spec, node), { pid: null, engine: null })
  assert.deepEqual(await probe(spec, { ...node, process: null }), { pid: null, engine: null })
})

test('calls side by side share one piece of work, also its failure, and the next call begins anew', async () => {
  let begun = 0
  let outcome = Promise.withResolvers<number>()
  const ask = shared(() => {
    begun += 1
    return outcome.promise
  })
  const both = Promise.all([ask(), ask()])
  outcome.resolve(1)
  assert.deepEqual(await both, [1, 1])
  outcome = Promise.withResolvers()
  const failing = Promise.allSettled([ask(), ask()])
  outcome.reject(new Error('no'))
  assert.deepEqual(
    (await failing).map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  assert.equal(begun, 2)
})
