/** Control of an engine whose clients try to keep it out: by closing its connections, by taking every place, by a pause. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { describe, it } from 'node:test'
import { startStopwatch, until } from '../../testing/busy-machine.ts'
import { bothWays, installed, openYard, parametersFor, type RunningNode, titleOf } from '../testing.ts'
import { controlUser } from './acl.ts'
import { openConnection } from './connection.ts'
import { controlSocket } from './render.ts'
import { encodeCommand } from './resp.ts'
import { as, attacker, nobody, password, type Speaker, speak, speakAt } from './testing/attacker.ts'

/** What a change may take while somebody is against it. */
const boundMs = 1_000
const sockets = 6
const inOnePacket = 16

/** Sends the same packets again and again, as fast as they are answered, until it is cut off or told to stop. */
const attack = async (node: RunningNode, commands: readonly (readonly string[])[], count = sockets) => {
  const packet = commands
    .map((words) => encodeCommand(words))
    .join('')
    .repeat(inOnePacket)
  let stopped = false
  let answers = 0
  const all: Socket[] = []
  const open = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ host: node.plan.address, port: node.plan.port })
      all.push(socket)
      socket.once('connect', () => {
        socket.write(encodeCommand(['AUTH', 'mallory', password]))
        // Two packets are always on their way: the engine has work whenever it looks.
        socket.write(packet)
        socket.write(packet)
        resolve()
      })
      let owed = 0
      socket.on('data', (bytes) => {
        answers += 1
        for (const byte of bytes) if (byte === 0x0a) owed += 1
        const each = commands.length * inOnePacket
        for (; owed >= each; owed -= each) if (!stopped) socket.write(packet)
      })
      socket.on('error', () => socket.destroy())
      // Its own kill may have hit it.
      socket.on('close', () => {
        if (!stopped) open().catch(() => undefined) // the address is gone
        resolve()
      })
    })
  await Promise.all(Array.from({ length: count }, open))
  await until('the attack runs', () => answers > count)
  return {
    [Symbol.dispose]: () => {
      stopped = true
      for (const socket of all) socket.destroy()
    },
  }
}

/** Takes every place that the engine has, and says nothing more. */
const crowd = async (node: RunningNode, greeting: string): Promise<Disposable> => {
  const all: Speaker[] = []
  for (let full = false; !full && all.length < 400; ) {
    const next = await Promise.all(Array.from({ length: 20 }, () => speak(node, greeting).catch(() => null)))
    for (const each of next) if (each !== null) all.push(each)
    const last = await speak(node, '')
    full = /max number of clients|closed/.test(await last.say(['PING']))
    last[Symbol.dispose]()
  }
  return {
    [Symbol.dispose]: () => {
      for (const each of all) each[Symbol.dispose]()
    },
  }
}

const loops = (node: RunningNode): readonly (readonly [name: string, commands: readonly (readonly string[])[]])[] => [
  ['CLIENT KILL USER larder', [['CLIENT', 'KILL', 'USER', 'larder']]],
  ['CLIENT KILL TYPE normal', [['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']]],
  ['CLIENT KILL USER default', [['CLIENT', 'KILL', 'USER', 'default']]],
  ['CLIENT KILL ADDR of the socket', [['CLIENT', 'KILL', 'ADDR', `${node.plan.socket}:0`]]],
  ['CLIENT KILL LADDR of the socket', [['CLIENT', 'KILL', 'LADDR', `${node.plan.socket}:0`]]],
  [
    'all of them',
    [
      ['CLIENT', 'KILL', 'USER', 'larder'],
      ['CLIENT', 'KILL', 'USER', 'default'],
      ['CLIENT', 'KILL', 'ADDR', `${node.plan.socket}:0`],
    ],
  ],
]

for (const engine of await bothWays(installed('valkey', 'redis'))) {
  describe(`control of ${titleOf(engine)}`, () => {
    it('takes a user away who closes its connections in a loop, and changes settings, within a second', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine, { access: attacker }))
      // As a client among clients it can be cut off before the engine has read a word of it.
      const known = engine.controlModule === undefined ? loops(node).slice(0, 1) : loops(node)
      for (const [name, commands] of known) {
        await as(node, (control) => control.setAccess(attacker))
        using _attack = await attack(node, commands)
        using since = startStopwatch()
        await as(node, async (control) => {
          await control.setMaxMemory(96 * 1024 ** 2)
          assert.equal((await control.status()).pid, node.pid, name)
        })
        await as(node, (control) => control.setAccess(nobody))
        assert.ok(since.ms() < boundMs, `${name}: ${Math.round(since.ms())} ms`)
        const users = await as(node, (control) => control.command(['ACL', 'USERS']))
        assert.ok(!String(users).includes('mallory'), String(users))
      }
    })

    it('goes on where no place is left, of clients that have logged in and of those that have not', async () => {
      await using yard = await openYard()
      const parameters = { ...parametersFor(engine), maxclients: '200' }
      const node = await yard.start(await yard.plan(engine, { access: attacker, parameters }))
      for (const greeting of ['', encodeCommand(['AUTH', 'mallory', password])]) {
        using _crowd = await crowd(node, greeting)
        const client = openConnection(node.plan.socket, { user: controlUser, password: node.plan.secrets.control }, 1_000)
        await assert.rejects(client, /max number of clients/)
        // It has a connection; somebody who asks for a new one has the module's alone.
        assert.equal((await node.control.status()).pid, node.pid)
        if (engine.controlModule === undefined) continue
        await as(node, (control) => control.setAccess(nobody))
        await as(node, (control) => control.setAccess(attacker))
      }
    })

    for (const words of [
      ['EVAL', 'while true do end', '0'],
      ['FCALL', 'forever', '0'],
    ]) {
      it(`ends what runs for ever by ${words[0]} where a user is taken away, and where a node takes over`, async () => {
        await using yard = await openYard()
        const node = await yard.start(await yard.plan(engine, { access: attacker }))
        await node.control.command(['CONFIG', 'SET', 'busy-reply-threshold', '50'])
        const code = "#!lua name=l\nredis.register_function('forever', function() while true do end end)"
        await node.control.command(['FUNCTION', 'LOAD', code])
        const { control } = node
        for (const change of [() => control.setAccess(nobody), () => control.replicate(null)]) {
          await control.setAccess(attacker)
          using client = await speak(node, encodeCommand(['AUTH', 'mallory', password]))
          const one = ['EVAL', 'return 1', '0']
          await until('scripts may begin again', async () => (await client.say(one)) === ':1\r\n', 10_000)
          const ended = client.say(words)
          await until('the engine is busy', async () => /BUSY/.test(await control.status().then(() => '', String)))
          using since = startStopwatch()
          await change()
          assert.ok(since.ms() < boundMs, `${Math.round(since.ms())} ms`)
          assert.match(await ended, /killed|closed/i)
        }
      })
    }

    if (engine.controlModule === undefined) return

    it('goes on while clients have stopped everything for hours', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine, { access: attacker }))
      const other = await yard.start(await yard.plan(engine))
      using client = await speak(node, encodeCommand(['AUTH', 'mallory', password]))
      assert.match(await client.say(['CLIENT', 'PAUSE', '36000000', 'ALL']), /^\+OK/)
      const held = client.say(['PING'])
      using since = startStopwatch()
      assert.equal((await node.control.status()).pid, node.pid)
      await node.control.setMaxMemory(96 * 1024 ** 2)
      const { address, port } = other.plan
      await node.control.replicate({ address, port })
      await node.control.replicate(null)
      assert.ok(since.ms() < boundMs)
      assert.equal(await held, '+PONG\r\n', 'a node that is promoted serves')
      assert.match(await client.say(['CLIENT', 'PAUSE', '36000000', 'ALL']), /^\+OK/)
      const silent = client.say(['PING'])
      await node.control.setAccess(nobody)
      assert.equal(await silent, 'closed')
      await node.control.setAccess(attacker)
      using next = await speak(node, encodeCommand(['AUTH', 'mallory', password]))
      assert.equal(await next.say(['PING']), '+PONG\r\n', 'whoever leaves takes his pause with him')
    })

    it('serves nobody but control there, and nothing that touches a key', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      const path = controlSocket(node.plan.socket)
      assert.equal(statSync(path).mode & 0o777, 0o700)
      const refused = [
        'GET x',
        'SET x y',
        'EVAL return(1) 0',
        'CLIENT REPLY OFF',
        'CLIENT TRACKING ON',
        'DEBUG SLEEP 1',
        'MULTI',
        'CLIENT',
      ]
      using way = await speakAt({ path }, '')
      for (const text of refused) assert.match(await way.say(text.split(' ')), /^-NOPERM/, text)
      assert.match(await way.say(['CONFIG', 'GET', 'no-such']), /^\*0/)
      assert.match(await way.say(['CONFIG']), /^-ERR/)
      for (const rubbish of [
        'GET x\r\n',
        '*0\r\n',
        '*-1\r\n',
        '*1\r\n:1\r\n',
        '*1\r\n$99999999\r\n',
        '*99999999\r\n',
        `*${'1'.repeat(40)}`,
      ]) {
        const other = await speakAt({ path }, '')
        assert.equal(await other.raw(rubbish), 'closed', rubbish)
      }
      const many = await Promise.all(Array.from({ length: 40 }, () => speakAt({ path }, '').catch(() => null)))
      for (const each of many) each?.[Symbol.dispose]()
      await until('there is room again', async () => (await as(node, (control) => control.status())).pid === node.pid)
    })

    it('answers in parts and in one piece, and says that a script runs or data is loaded', async () => {
      await using yard = await openYard()
      const node = await yard.start(await yard.plan(engine))
      using way = await speakAt({ path: controlSocket(node.plan.socket) }, '')
      const text = encodeCommand(['CONFIG', 'GET', 'maxmemory'])
      for (const byte of text.slice(0, -1)) way.write(byte)
      assert.match(await way.raw(text.slice(-1)), /maxmemory/)
      assert.match(await way.raw(encodeCommand(['PING']).repeat(500), '+PONG\r\n'.repeat(500).length), /^(\+PONG\r\n){500}$/)
      using client = await speak(node, '')
      await node.control.command(['CONFIG', 'SET', 'busy-reply-threshold', '50'])
      const script = client.say(['EVAL', 'while true do end', '0'])
      await until('the engine is busy', async () => (await way.say(['PING'])).startsWith('-BUSY'))
      assert.match(await way.say(['REPLICAOF', 'NO', 'ONE']), /^-BUSY/)
      assert.match(await node.control.status().then(() => '', String), /BUSY/)
      await node.control.shutdown({ save: false })
      await node.exited
      await script.catch(() => undefined) // it ended with its engine
    })
  })
}
