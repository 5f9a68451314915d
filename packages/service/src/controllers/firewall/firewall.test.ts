import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LarderError } from '../../errors.ts'
import type { GroupSpec, GroupState, NodeState } from '../../model/group.ts'
import { specKey, stateKey } from '../../model/keys.ts'
import { defaultSecurityGroup, type SecurityGroupRecord, securityGroupKey } from '../../model/security-groups.ts'
import type { Firewall, Guard } from '../../ports/firewall.ts'
import { put, remove } from '../../ports/records.ts'
import { createMemoryStore } from '../../store/memory.ts'
import { until } from '../../testing/busy-machine.ts'
import { groupSpec, realClock, region } from '../../testing/fixtures.ts'
import { createFirewallController, type FirewallController } from './firewall.ts'

const id = 'sg-11111111'
const group: SecurityGroupRecord = { ...defaultSecurityGroup(region), id, name: 'web', ingress: [] }
const plain = groupSpec('demo', 'cmd', 1, 1)
const spec: GroupSpec = { ...plain, labels: { ...plain.labels, securityGroupIds: [id] } }

const stateOf = ({ region: where, space, id: name }: GroupSpec, ...addresses: readonly string[]): GroupState => ({
  ...{ region: where, space, id: name, status: 'creating', reason: null, generation: 0, shards: {} },
  nodes: Object.fromEntries(addresses.map((address) => [address, { id: address, address, port: 6379 } as NodeState])),
  ...{ primaryEndpoint: null, readerEndpoint: null, configurationEndpoint: null, discoveryVersion: 0, discoveryNodes: [] },
})

const inWorld = async (
  body: (world: {
    store: ReturnType<typeof createMemoryStore>
    controller: FirewallController
    /** What was put in force, the last one last. */
    applied: (readonly Guard[])[]
    machine: { broken: boolean }
  }) => Promise<void>,
): Promise<void> => {
  const store = createMemoryStore()
  const applied: (readonly Guard[])[] = []
  const machine = { broken: false }
  const firewall: Firewall = {
    apply: async (guards) => {
      if (machine.broken && guards.length > 0) throw new LarderError('machine', 'nft failed', { retry: true })
      applied.push(guards)
    },
    clear: async () => undefined,
    whyUnguarded: async () => null,
  }
  const controller = createFirewallController({ store, firewall, clock: realClock, log: () => undefined })
  try {
    await body({ store, controller, applied, machine })
  } finally {
    await controller.stop()
  }
}

const addressesIn = (guards: readonly Guard[] | undefined): readonly string[] =>
  (guards ?? []).flatMap(({ addresses }) => addresses)

test('what the store says is in force after the start, and follows every change', () =>
  inWorld(async ({ store, controller, applied }) => {
    const state = stateOf(spec, '127.65.0.1')
    await store.transact([], [put(specKey(spec), spec), put(stateKey(spec), state), put(securityGroupKey(region, id), group)])
    await controller.start()
    assert.deepEqual(applied.map(addressesIn), [['127.65.0.1']])
    const open = { ...group, ingress: defaultSecurityGroup(region).ingress }
    await store.transact([], [put(securityGroupKey(region, id), open)])
    await controller.settled()
    assert.equal(applied.at(-1)?.length, 0, 'everybody is let in')
    await store.transact([], [put(securityGroupKey(region, id), group)])
    await until('nobody is let in', () => applied.at(-1)?.length === 1)
    await store.transact([], [put(stateKey(spec), stateOf(spec, '127.65.0.1', '127.65.0.2'))])
    await until('a new node is guarded', () => addressesIn(applied.at(-1)).length === 2)
    await store.transact([], [put(specKey(spec), plain)])
    await until('the group has no security group', () => applied.at(-1)?.length === 0)
    await store.transact([], [put(specKey(spec), spec)])
    await until('it has one again', () => applied.at(-1)?.length === 1)
    await store.transact([], [remove(specKey(spec)), remove(stateKey(spec))])
    await until('it is gone', () => applied.at(-1)?.length === 0)
  }))

test('a group opens no address before it is guarded, and does not wait where it is', () =>
  inWorld(async ({ store, controller, applied }) => {
    await store.transact([], [put(specKey(spec), spec), put(securityGroupKey(region, id), group)])
    await controller.start()
    const state = stateOf(spec, '127.65.0.1')
    await store.transact([], [put(stateKey(spec), state)])
    await controller.ensure(spec, state)
    assert.deepEqual(addressesIn(applied.at(-1)), ['127.65.0.1'])
    const count = applied.length
    await Promise.all([controller.ensure(spec, state), controller.ensure(spec, state)])
    await controller.ensure(spec, { ...state, status: 'available' })
    assert.equal(applied.length, count)
  }))

test('a node that goes over into another group meanwhile is guarded all the time', () =>
  inWorld(async ({ store, controller, applied }) => {
    const moved: GroupSpec = { ...spec, id: 'moved' }
    await store.transact([], [put(specKey(spec), spec), put(stateKey(spec), stateOf(spec, '127.65.0.1'))])
    await controller.start()
    const list = store.list
    let moves = 1
    store.list = async (prefix, options) => {
      const found = await list(prefix, options)
      if (prefix === 'spec/' && moves > 0) {
        moves -= 1
        const there = [put(specKey(moved), moved), put(stateKey(moved), stateOf(moved, '127.65.0.1', '127.65.0.2'))]
        await store.transact([], [remove(specKey(spec)), remove(stateKey(spec)), ...there])
      }
      return found
    }
    await controller.settled()
    assert.equal(moves, 0)
    for (const guards of applied) assert.ok(addressesIn(guards).includes('127.65.0.1'))
    assert.deepEqual(addressesIn(applied.at(-1)), ['127.65.0.1', '127.65.0.2'])
  }))

test('where guards fail a restricted group opens nothing new; what was guarded, and who lets everybody in, goes on', () =>
  inWorld(async ({ store, controller, machine, applied }) => {
    const state = stateOf(spec, '127.65.0.1')
    const other = { ...plain, id: 'other' }
    const records = [put(specKey(spec), spec), put(specKey(other), other), put(securityGroupKey(region, id), group)]
    await store.transact([], [...records, put(stateKey(spec), state), put(stateKey(other), stateOf(other, '127.65.0.5'))])
    await controller.start()
    machine.broken = true
    const more = stateOf(spec, '127.65.0.1', '127.65.0.2')
    const others = stateOf(other, '127.65.0.5', '127.65.0.6')
    const sharded = groupSpec('sharded', 'cme', 1, 1)
    const shards = stateOf(sharded, '127.65.0.8')
    const open = [put(stateKey(other), others), put(specKey(sharded), sharded), put(stateKey(sharded), shards)]
    await store.transact([], [put(stateKey(spec), more), ...open])
    await assert.rejects(controller.ensure(spec, more), LarderError)
    await controller.ensure(spec, state)
    await controller.ensure(other, others)
    await controller.ensure(sharded, shards)
    machine.broken = false
    await until('it is mended by itself', () => addressesIn(applied.at(-1)).includes('127.65.0.2'))
    await controller.ensure(spec, more)
  }))

test('a start that fails does not keep Larder from serving', () =>
  inWorld(async ({ store, controller, machine, applied }) => {
    await store.transact([], [put(specKey(spec), spec), put(stateKey(spec), stateOf(spec, '127.65.0.1'))])
    machine.broken = true
    await controller.start()
    await assert.rejects(controller.ensure(spec, stateOf(spec, '127.65.0.1')), LarderError)
    machine.broken = false
    await until('it is mended by itself', () => applied.length === 1)
  }))

test('a change that hangs in the packet filter does not keep later ones waiting', async () => {
  const store = createMemoryStore()
  const applied: (readonly Guard[])[] = []
  const hung: PromiseWithResolvers<void>[] = []
  let hangs = false
  const firewall: Firewall = {
    apply: (guards) => {
      const call = Promise.withResolvers<void>()
      if (hangs) hung.push(call)
      else call.resolve()
      return call.promise.then(() => void applied.push(guards))
    },
    clear: async () => undefined,
    whyUnguarded: async () => null,
  }
  const controller = createFirewallController({ store, firewall, clock: realClock, log: () => undefined })
  try {
    await store.transact([], [put(specKey(spec), spec), put(stateKey(spec), stateOf(spec, '127.65.0.1'))])
    await controller.start()
    hangs = true
    const second = stateOf(spec, '127.65.0.1', '127.65.0.2')
    await store.transact([], [put(stateKey(spec), second)])
    const late = controller.ensure(spec, second)
    late.catch(() => undefined) // looked at below
    await until('it hangs', () => hung.length > 0)
    hangs = false
    const third = stateOf(spec, '127.65.0.1', '127.65.0.2', '127.65.0.3')
    await store.transact([], [put(stateKey(spec), third)])
    const from = performance.now()
    await controller.ensure(spec, third)
    assert.ok(performance.now() - from < 4_000)
    assert.equal(addressesIn(applied.at(-1)).length, 3)
    // The hung one fails in the end, and what is known of the later one stays so.
    for (const call of hung) call.reject(new LarderError('deadline', 'nft does not answer', { retry: true }))
    await late.catch(() => undefined) // either answer is right
    const count = applied.length
    await controller.ensure(spec, third)
    assert.equal(applied.length, count, 'it is known to be in force')
  } finally {
    for (const call of hung) call.resolve()
    await controller.stop()
  }
})
