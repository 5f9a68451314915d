/** Hung, busy, paused and starved engines, in virtual time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { LarderError } from '../../errors.ts'
import type { Clock } from '../../ports/clock.ts'
import { createHealth, type Watched } from './health.ts'

interface Engine {
  keepsOut?: boolean
  state: string
  runs: boolean
  answers: boolean
}

const virtualClock = () => {
  let now = 0
  const timers = new Set<{ readonly at: number; readonly go: () => void }>()
  const clock: Clock = {
    now: () => now,
    sleep: (ms, signal) =>
      new Promise((resolve, reject) => {
        const timer = { at: now + ms, go: resolve }
        timers.add(timer)
        signal?.addEventListener('abort', () => {
          timers.delete(timer)
          reject(signal.reason)
        })
      }),
  }
  const advance = async (ms: number, each: () => void): Promise<void> => {
    for (const end = now + ms; now < end; ) {
      now += 10
      each()
      for (const timer of [...timers]) {
        if (timer.at > now) continue
        timers.delete(timer)
        timer.go()
      }
      await turn()
    }
  }
  return { clock, advance }
}

/** `quick`: the machine offers the cheap look too. Both ways have to tell the same. */
const watch = async (count: number, quick = true) => {
  const { clock, advance } = virtualClock()
  const engines = Array.from({ length: count }, (): Engine & { runtimeNs: number } => ({
    state: 'S',
    runs: true,
    answers: true,
    runtimeNs: 0,
  }))
  const nodes = engines.map(
    (engine, pid): Watched => ({
      name: `n${pid}`,
      identity: { pid, startTime: '1', bootId: 'b' },
      ping: async () => {
        if (!engine.answers) throw new LarderError('deadline', 'no answer')
      },
      mayBeKeptOut: async () => engine.keepsOut === true,
    }),
  )
  let readers = 0
  const changes: string[] = []
  const said: string[] = []
  const health = createHealth({
    host: {
      sample: async ({ pid }) => {
        const engine = engines[pid]
        return engine === undefined ? null : { state: engine.state, runtimeNs: engine.runtimeNs, residentBytes: 0 }
      },
      runtime: ({ pid }) => {
        if (!quick) return null
        readers += 1
        return { read: () => engines[pid]?.runtimeNs ?? null, close: () => (readers -= 1) }
      },
    },
    clock,
    log: (_level, message) => said.push(message),
    nodes: () => nodes,
    onKeptOut: (name) => keptOut.push(name),
    onChange: (name) => {
      changes.push(name)
      for (const node of nodes) if (health.isHung(node.name, node.identity)) everHung.push(node.name)
    },
  })
  const ending = new AbortController()
  const everHung: string[] = []
  const keptOut: string[] = []
  const running = health.run(ending.signal)
  const pass = (ms: number): Promise<void> =>
    advance(ms, () => {
      for (const engine of engines) if (engine.runs) engine.runtimeNs += engine.state === 'R' ? 10e6 : 1
    })
  await pass(1_000)
  const isHung = (index: number): boolean => {
    const node = nodes[index]
    assert.ok(node)
    return health.isHung(node.name, node.identity)
  }
  const end = async (): Promise<void> => {
    ending.abort()
    await running
    assert.equal(readers, 0, 'readers that are still open')
  }
  return { engines, changes, said, everHung, keptOut, pass, isHung, end }
}

const set = (engine: Engine | undefined, change: Partial<Engine>): void => {
  assert.ok(engine)
  Object.assign(engine, change)
}

const lively: readonly (readonly [string, Partial<Engine>])[] = [
  ['busy: it runs and does not answer', { state: 'R', runs: true, answers: false }],
  ['paused by its clients: it runs now and then, and does not answer', { state: 'S', runs: true, answers: false }],
  ['starved: it waits for a processor', { state: 'R', runs: false, answers: false }],
  ['at rest: it does not run, and answers', { state: 'S', runs: false, answers: true }],
]

for (const quick of [true, false]) {
  const by = quick ? 'the cheap look' : 'whole looks'
  for (const state of ['T', 'D', 'S']) {
    test(`by ${by} an engine in state ${state} that neither runs nor answers is hung within a second, and well again when it runs`, async () => {
      const { engines, changes, pass, isHung, end } = await watch(3, quick)
      set(engines[1], { state, runs: false, answers: false })
      await pass(900)
      assert.deepEqual([isHung(0), isHung(1), isHung(2)], [false, true, false])
      assert.deepEqual(changes, ['n1'])
      set(engines[1], { state: 'S', runs: true, answers: true })
      await pass(500)
      assert.equal(isHung(1), false)
      await end()
    })
  }

  for (const [what, change] of lively) {
    test(`by ${by} an engine is not hung while it is ${what}`, async () => {
      const { engines, changes, pass, end } = await watch(3, quick)
      set(engines[1], change)
      await pass(10_000)
      assert.deepEqual(changes, [])
      await end()
    })
  }

  test(`by ${by} a stop that is shorter than the wait for an answer is not noticed`, async () => {
    const { engines, changes, pass, end } = await watch(3, quick)
    set(engines[1], { state: 'T', runs: false, answers: false })
    await pass(200)
    set(engines[1], { state: 'S', runs: true, answers: true })
    await pass(2_000)
    assert.deepEqual(changes, [])
    await end()
  })

  test(`by ${by} nobody is hung when most nodes look so at once, and it is said`, async () => {
    const { engines, said, everHung, pass, isHung, end } = await watch(5, quick)
    for (const engine of engines.slice(0, 4)) set(engine, { state: 'D', runs: false, answers: false })
    await pass(2_000)
    assert.deepEqual(everHung, [], 'not even for a moment')
    assert.deepEqual([isHung(0), isHung(1), isHung(2), isHung(3)], [false, false, false, false])
    assert.ok(said.some((message) => message.startsWith('most nodes look hung at once')))
    for (const engine of engines.slice(1, 4)) set(engine, { state: 'S', runs: true, answers: true })
    await pass(2_000)
    assert.equal(isHung(0), true, 'the one that is left is')
    await end()
  })
}

test('an engine that rests and answers nothing to control for half a minute is as good as hung, and well when it answers', async () => {
  const { engines, keptOut, pass, isHung, end } = await watch(3)
  set(engines[1], { keepsOut: true, answers: false })
  await pass(25_000)
  assert.deepEqual([isHung(1), keptOut], [false, []])
  await pass(20_000)
  assert.deepEqual([isHung(0), isHung(1), keptOut], [false, true, ['n1']])
  await pass(20_000)
  assert.deepEqual(keptOut, ['n1'], 'it is told once')
  set(engines[1], { answers: true })
  await pass(10_000)
  assert.equal(isHung(1), false)
  await end()
})

const leftAlone: readonly (readonly [string, Partial<Engine>])[] = [
  ['is busy all the time', { keepsOut: true, answers: false, state: 'R' }],
  ['cannot be closed to control', { keepsOut: false, answers: false }],
  ['answers', { keepsOut: true, answers: true }],
]
for (const [what, change] of leftAlone) {
  test(`an engine that ${what} is never taken for one that is kept from control`, async () => {
    const { engines, keptOut, changes, pass, end } = await watch(3)
    set(engines[1], change)
    await pass(120_000)
    assert.deepEqual([keptOut, changes], [[], []])
    await end()
  })
}

test('when clients keep control out of most nodes nobody is ended', async () => {
  const { engines, everHung, pass, end } = await watch(5)
  for (const engine of engines.slice(0, 4)) set(engine, { keepsOut: true, answers: false })
  await pass(120_000)
  assert.deepEqual(everHung, [])
  await end()
})

test('nodes are looked at again after a look that failed', async () => {
  const { clock, advance } = virtualClock()
  const said: string[] = []
  let looks = 0
  const health = createHealth({
    host: { sample: async () => null, runtime: () => null },
    clock,
    log: (_level, message) => said.push(message),
    nodes: () => {
      looks += 1
      if (looks < 3) throw new Error('the nodes cannot be listed')
      return []
    },
    onChange: () => undefined,
  })
  const ending = new AbortController()
  const running = health.run(ending.signal)
  await advance(2_000, () => undefined)
  ending.abort()
  await running
  assert.ok(looks > 4, `${looks} looks`)
  assert.equal(said.filter((line) => /could not be looked at/.test(line)).length, 1, 'the same failure is told once')
})
