/** Scripts that put off what is to be done to a node: they are ended, and a node whose script cannot be ended is ended itself after half a minute. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decideGroup } from '../../decide/group.ts'
import type { GroupInput } from '../../decide/input.ts'
import { LarderError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { EngineControl } from '../../ports/engine.ts'
import { createFakeWorld } from '../../testing/fake-world.ts'
import { noCertificates } from '../../testing/fixtures.ts'
import { groupAtRest } from '../../testing/group-at-rest.ts'
import { type Looking, nothingInForce, observeGroup } from './observe.ts'

const busy = new LarderError('engine-command', 'BUSY a script runs', { retry: true })
const unkillable = new LarderError('engine-command', 'UNKILLABLE the script has written', { retry: true })
const none = new LarderError('engine-command', 'NOTBUSY no scripts in execution right now', { retry: false })

/** `writes`: the script has written, and goes on whatever anybody says. `reads`: it ends when it is told to. */
type Script = 'writes' | 'reads'

/** A group of which something is to be done to every node, and one node carries out a script. Time goes on by `after` alone. */
const scene = (nodes: number, script: Script) => {
  const rest = groupAtRest('cmd', nodes)
  const input: GroupInput = { ...rest, wanted: { ...rest.wanted, parameters: { timeout: '5' } } }
  let now = 0
  let running: Script | null = script
  const kills: string[] = []
  const clock: Clock = { now: () => now, steady: () => now, sleep: () => new Promise(() => undefined) }
  const controlOf = (id: string): EngineControl => {
    const engine = input.observed.nodes[id]?.engine
    assert.ok(engine)
    const isBusy = (): boolean => id === 'demo-001' && running !== null
    return {
      closed: new Promise(() => undefined),
      status: async () => {
        if (isBusy() && kills.length === 0) throw busy
        return engine
      },
      command: async (words: readonly string[]) => {
        const what = words.join(' ')
        if (what !== 'SCRIPT KILL' || !isBusy()) throw none
        kills.push(`${id} at ${now}`)
        if (running === 'writes') throw unkillable
        running = null
        return 'OK'
      },
    } as Partial<EngineControl> as EngineControl
  }
  const controls = new Map(Object.keys(input.state.nodes).map((id) => [`${input.spec.region}/${id}`, controlOf(id)]))
  const context: Looking = {
    adapter: createFakeWorld().adapter,
    certificates: noCertificates,
    clock,
    connections: {
      open: async (name) => controls.get(name) ?? assert.fail(`nobody is called ${name}`),
      present: () => null,
      drop: () => undefined,
      closeAll: () => undefined,
    },
    health: { isHung: () => false, whenHung: () => new Promise(() => undefined) },
    host: { check: async () => 'running' } as Partial<Looking['host']> as Looking['host'],
    log: () => undefined,
    place: (_region, id) => ({ folder: `/nowhere/${id}`, socket: `/nowhere/${id}.sock`, tag: `/nowhere/${id}/` }),
    readPersisted: () => assert.fail('every node runs'),
    secrets: { control: 'c', replication: 'r' },
  }
  const inForce = nothingInForce()
  const look = async () => {
    const observed = await observeGroup(context, input.spec, input.state, input.wanted, inForce, new Promise(() => undefined))
    assert.ok(observed)
    return observed
  }
  return {
    kills,
    look,
    after: (ms: number) => {
      now += ms
      return look()
    },
    decide: async () => decideGroup({ ...input, observed: { ...(await look()), readers: input.observed.readers } }).actions,
    isOver: () => running === null,
  }
}

test('a script that has not written is ended as soon as something is to be done', async () => {
  const { look, kills, isOver } = scene(2, 'reads')
  const { nodes } = await look()
  assert.ok(isOver())
  assert.deepEqual(kills, ['demo-001 at 0'])
  assert.ok(nodes['demo-001']?.engine, 'and the node has answered')
  assert.equal(nodes['demo-001']?.hung, false)
})

test('a script that has written goes on for half a minute, and then its node counts as hung and is ended: a replica has the data', async () => {
  const { look, after, decide } = scene(2, 'writes')
  assert.equal((await look()).nodes['demo-001']?.hung, false)
  for (let second = 0; second < 30; second += 1) assert.equal((await after(1_000)).nodes['demo-001']?.hung, false, `${second}`)
  assert.equal((await after(1)).nodes['demo-001']?.hung, true)
  assert.equal((await look()).nodes['demo-002']?.hung, false)
  assert.deepEqual(await decide(), [{ do: 'stop', node: 'demo-001', because: 'hung' }])
})

test('where nobody else has the data the node is left alone', async () => {
  const { look, after, decide } = scene(1, 'writes')
  await look()
  await after(31_000)
  assert.deepEqual(
    (await decide()).filter((action) => action.do === 'stop'),
    [],
  )
})
