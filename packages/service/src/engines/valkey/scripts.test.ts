/** Clients that put off by scripts what control does: one after the other, sent ahead, from several connections. */
import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import type { EngineControl } from '../../ports/engine.ts'
import { startStopwatch, until } from '../../testing/busy-machine.ts'
import { bothWays, installed, openYard, type RunningNode, titleOf } from '../testing.ts'
import { controlSocket } from './render.ts'
import { encodeCommand } from './resp.ts'
import { attacker, nobody, password, speak, speakAt } from './testing/attacker.ts'

const connections = 3
const sentAhead = 100
/** `busy-reply-threshold`: so long an engine listens to nobody while a script runs. */
const deafMs = 300
/** What a change may take while scripts run: what is left of a script, and the change. */
const boundMs = deafMs + 1_500
/** So long control waits for scripts each of which ends in time. */
const patienceMs = 5_000

const packets: Readonly<Record<string, readonly (readonly string[])[]>> = {
  'scripts that never end': [['EVAL', 'while true do end', '0']],
  'functions that never end': [['FCALL', 'forever', '0']],
  'scripts for readers that never end': [['EVAL_RO', 'while true do end', '0']],
  'scripts that catch their end': [['EVAL', 'while true do pcall(function() while true do end end) end', '0']],
  'transactions of scripts that never end': [
    ['MULTI'],
    ...Array.from({ length: 20 }, () => ['EVAL', 'while true do end', '0']),
    ['EXEC'],
  ],
}

const changes: Readonly<Record<string, (control: EngineControl, other: RunningNode) => Promise<unknown>>> = {
  'a user is taken away': (control) => control.setAccess(nobody),
  'a node takes over': (control) => control.replicate(null),
  'a node follows another one': (control, { plan: { address, port } }) => control.replicate({ address, port }),
  settings: (control) => control.applyParameters({ timeout: '77' }),
  memory: (control) => control.setMaxMemory(96 * 1024 ** 2),
}

/** Many scripts are always on their way, from connections that come back. */
const flood = async (node: RunningNode, commands: readonly (readonly string[])[]): Promise<Disposable> => {
  const packet = commands
    .map((words) => encodeCommand(words))
    .join('')
    .repeat(sentAhead)
  const all = new Set<Socket>()
  let stopped = false
  let begun = 0
  const open = (): void => {
    if (stopped) return
    const socket = connect({ host: node.plan.address, port: node.plan.port })
    all.add(socket)
    socket.once('connect', () => {
      socket.write(encodeCommand(['AUTH', 'mallory', password]) + packet)
      begun += 1
    })
    // Each answer is followed by the next packet.
    socket.on('data', () => {
      if (!stopped && socket.writableLength === 0) socket.write(packet)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      all.delete(socket)
      setTimeout(open, 5)
    })
  }
  for (let count = 0; count < connections; count += 1) open()
  await until('the scripts are sent', () => begun >= connections)
  return {
    [Symbol.dispose]: () => {
      stopped = true
      for (const socket of all) socket.destroy()
    },
  }
}

const code = "#!lua name=endless\nredis.register_function('forever', function() while true do end end)"
const prepare = async (node: RunningNode): Promise<void> => {
  await node.control.command(['CONFIG', 'SET', 'busy-reply-threshold', String(deafMs)])
  await node.control.command(['FUNCTION', 'LOAD', 'REPLACE', code])
}

const engines = (await bothWays(installed('valkey', 'redis'))).filter(({ controlModule }) => controlModule !== undefined)
for (const engine of engines) {
  describe(`${titleOf(engine)}: scripts`, () => {
    for (const [kind, commands] of Object.entries(packets)) {
      it(`${kind} put off no change`, async () => {
        await using yard = await openYard()
        const other = await yard.start(await yard.plan(engine))
        for (const [name, change] of Object.entries(changes)) {
          const node = await yard.start(await yard.plan(engine, { access: attacker }))
          await prepare(node)
          using _flood = await flood(node, commands)
          using since = startStopwatch()
          await change(node.control, other)
          assert.ok(since.ms() < boundMs, `${name}: ${Math.round(since.ms())} ms`)
          await node.kill()
        }
      })
    }

    it('scripts that end before an engine listens put off no change by more than one that does not', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine, { access: attacker }))
      using _flood = await flood(node, [['EVAL', 'for i = 1, 2e7 do end', '0']])
      using way = await speakAt({ path: controlSocket(node.plan.socket) }, '')
      await until('the engine listens to nobody', () =>
        Promise.race([way.say(['PING']).then(() => false), new Promise<boolean>((tell) => setTimeout(tell, 2 * deafMs, true))]),
      )
      using since = startStopwatch()
      await node.control.setAccess(nobody)
      assert.ok(since.ms() < patienceMs + boundMs, `${Math.round(since.ms())} ms`)
    })

    it('one that has written does not keep a user in, and touches nothing more', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine, { access: attacker }))
      await prepare(node)
      using client = await speak(node, encodeCommand(['AUTH', 'mallory', password]))
      const script = "while true do redis.call('INCR', 'x') end"
      const ended = client.say(['EVAL', script, '0'])
      using way = await speakAt({ path: controlSocket(node.plan.socket) }, '')
      await until('the engine is busy', async () => (await way.say(['PING'])).startsWith('-BUSY'))
      assert.match(await way.say(['SCRIPT', 'KILL']), /^-UNKILLABLE/)
      using since = startStopwatch()
      await node.control.setAccess(nobody)
      assert.ok(since.ms() < boundMs, `${Math.round(since.ms())} ms`)
      assert.match(await ended, /permissions|can't run|closed/i)
    })

    it('after a script was ended others are refused for a moment, and the time for scripts is as before', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine, { access: attacker }))
      await prepare(node)
      using client = await speak(node, encodeCommand(['AUTH', 'mallory', password]))
      using other = await speak(node, encodeCommand(['AUTH', 'mallory', password]))
      const ended = client.say(['EVAL', 'while true do end', '0'])
      await until('the engine is busy', async () => (await other.say(['PING'])).startsWith('-BUSY'))
      await node.control.replicate(null)
      assert.match(await ended, /killed/i)
      for (const words of [
        ['EVAL', 'return 1', '0'],
        ['EVAL_RO', 'return 1', '0'],
        ['EVALSHA', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db', '0'],
        ['FCALL', 'forever', '0'],
      ])
        assert.match(await other.say(words), /^-BUSY/, words.join(' '))
      assert.equal(await other.say(['SET', 'x', 'y']), '+OK\r\n', 'nothing else is refused')
      await until('scripts run again', async () => (await other.say(['EVAL', 'return 1', '0'])) === ':1\r\n', 10_000)
      assert.deepEqual(await node.control.command(['CONFIG', 'GET', 'busy-reply-threshold']), [
        'busy-reply-threshold',
        String(deafMs),
      ])
    })
  })
}
