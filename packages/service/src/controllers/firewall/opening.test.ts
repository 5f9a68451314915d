/** Whatever lets clients reach an address waits for the firewall, each kind of action by itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Action } from '../../decide/actions.ts'
import { decideGroup } from '../../decide/group.ts'
import { LarderError } from '../../errors.ts'
import type { GroupState } from '../../model/group.ts'
import { clusterKey, specKey, stateKey } from '../../model/keys.ts'
import { put, readRecord } from '../../ports/records.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { until } from '../../testing/busy-machine.ts'
import { createFakeWorld, type FakeWorld } from '../../testing/fake-world.ts'
import { groupSpec, region, startManager } from '../../testing/fixtures.ts'

const place = { address: '127.64.0.200', port: 6379 }
const node = 'g-001'

interface Row {
  readonly action: Action
  readonly isDone: (world: FakeWorld, state: GroupState) => boolean
}

const rows: readonly Row[] = [
  {
    action: { do: 'bind', node, addresses: ['127.65.0.1', place.address] },
    isDone: (world) => world.engines().get(node)?.bound.includes(place.address) === true,
  },
  {
    action: { do: 'readers', endpoint: place, backends: [{ address: '127.65.0.1', port: 6379 }] },
    isDone: (world) => world.readers.has(`${place.address}:${place.port}`),
  },
  {
    action: { do: 'discovery', endpoint: place, version: 1, nodes: [] },
    isDone: (world) => world.discoveries.has(`${place.address}:${place.port}`),
  },
  {
    action: { do: 'fronts', fronts: [{ endpoint: place, plain: { ...place, port: 6380 }, tls: { ...place, port: 6381 } }] },
    isDone: (world) => [...world.fronts.values()].flat().some(({ endpoint }) => endpoint.address === place.address),
  },
  // Opens nothing, but says that the security groups are in force.
  {
    action: { do: 'guard', securityGroups: ['sg-11111111'] },
    isDone: (_world, { securityGroups }) => `${securityGroups}` === 'sg-11111111',
  },
]

for (const { action, isDone } of rows) {
  test(`${action.do} waits until the group is guarded, and is not done where that fails`, async () => {
    const store = createMemoryStore()
    const world = createFakeWorld()
    const spec = groupSpec('g', 'cmd', 1, 1)
    const current = async (): Promise<GroupState> => {
      const record = await readRecord<GroupState>(store, stateKey(spec))
      assert.ok(record !== null)
      return record.value
    }
    const untilState = (what: string, holds: (state: GroupState | null) => boolean): Promise<void> =>
      until(what, async () => holds((await readRecord<GroupState>(store, stateKey(spec)))?.value ?? null))
    const firewall: { asked: number; answer: Promise<void> } = { asked: 0, answer: Promise.resolve() }
    let isAtRest = false
    const guarding = {
      ensure: () => {
        firewall.asked += 1
        return firewall.answer
      },
    }
    const manager = startManager(store, world, undefined, guarding, (input) => {
      if (!isAtRest) return decideGroup(input)
      return { actions: isDone(world, input.state) ? [] : [action], waitingFor: null }
    })
    try {
      await manager.start()
      await store.transact([], [put(specKey(spec), spec), put(clusterKey(region, 'g-001'), { space: spec.space, id: spec.id })])
      await untilState('the group is there', (state) => state?.status === 'available')

      isAtRest = true
      const failing = Promise.withResolvers<void>()
      firewall.asked = 0
      firewall.answer = failing.promise
      await store.transact([], [put(specKey(spec), { ...spec, generation: 2 })])
      await untilState(
        'the firewall is asked, or nobody asks it',
        (state) => firewall.asked > 0 || (state !== null && isDone(world, state)),
      )
      // As long as it takes: whoever does not wait has done it by then.
      await new Promise((resolve) => setTimeout(resolve, 20))
      assert.equal(isDone(world, await current()), false, 'done before the firewall answered')
      firewall.answer = Promise.reject(new LarderError('machine', 'nft failed', { retry: true }))
      firewall.answer.catch(() => undefined) // told to who asks
      failing.reject(new LarderError('machine', 'nft failed', { retry: true }))
      await untilState('the reason is told', (state) => state?.reason === 'nft failed')
      assert.equal(isDone(world, await current()), false, 'done although the firewall failed')
      firewall.answer = Promise.resolve()
      await untilState('it is done', (state) => state !== null && isDone(world, state))
    } finally {
      firewall.answer = Promise.resolve()
      await manager.stop()
      await store.close()
    }
  })
}
