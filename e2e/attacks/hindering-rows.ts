/** What a client that is logged in, or nobody at all, does to keep Larder from a group; and what has to go on meanwhile. */
import { connect as connectPlainly } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { patience } from '../../packages/service/src/testing/busy-machine.ts'
import { until } from '../support/service.ts'
import { trusting } from '../support/tls.ts'
import type { Attack } from './table.ts'
import { command, type Place, talk } from './wire.ts'

/** Over when it is in force at every node; what it resolves with puts things back, and is not measured. */
type Change = () => Promise<() => Promise<unknown>>

export interface HinderTarget {
  readonly places: () => readonly Place[]
  readonly user: string
  readonly password: () => string
  readonly changes: Readonly<Record<string, Change>>
}

const inOnePacket = 16
const socketsAtEach = 4

const packetOf = (commands: readonly (readonly string[])[]): Buffer =>
  Buffer.concat(Array.from({ length: inOnePacket }, () => commands.map((words) => command(...words))).flat())

/** The same packet again and again at every node, two always on their way, from sockets that come back when they are closed. */
const loop = async (target: HinderTarget, commands: readonly (readonly string[])[]): Promise<Disposable> => {
  const packet = packetOf(commands)
  const answersOfPacket = commands.length * inOnePacket
  const open = new Set<TLSSocket>()
  let stopped = false
  let answers = 0
  const start = (place: Place): void => {
    if (stopped) return
    const socket = connect({ host: place.host, port: place.port, ...trusting(place.ca ?? '') })
    let owed = 0
    open.add(socket)
    socket.on('secureConnect', () => {
      socket.write(Buffer.concat([command('AUTH', target.user, target.password()), packet]))
      socket.write(packet)
    })
    socket.on('data', (bytes: Buffer) => {
      for (const byte of bytes) if (byte === 0x0a) owed += 1
      answers += 1
      for (; owed >= answersOfPacket && !stopped; owed -= answersOfPacket) socket.write(packet)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      open.delete(socket)
      // Its own command may have closed it, and a node may be away for a moment.
      if (!stopped) setTimeout(() => start(place), 5)
    })
  }
  for (const place of target.places()) for (let count = 0; count < socketsAtEach; count += 1) start(place)
  await until('the loop runs', () => answers > target.places().length * socketsAtEach)
  return {
    [Symbol.dispose]: () => {
      stopped = true
      for (const socket of open) socket.destroy()
    },
  }
}

/** Every place at every node, taken by connections that say nothing, or that log in and then say nothing. */
const crowd = async (target: HinderTarget, most: number, logsIn: boolean): Promise<Disposable> => {
  const all: { destroy(): unknown }[] = []
  const enter = (place: Place): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = logsIn
        ? connect({ host: place.host, port: place.port, ...trusting(place.ca ?? '') })
        : connectPlainly({ host: place.host, port: place.port })
      all.push(socket)
      socket.on('error', () => socket.destroy())
      socket.once('close', () => resolve(false))
      if (logsIn) {
        socket.once('data', () => resolve(true))
        socket.once('secureConnect', () => socket.write(command('AUTH', target.user, target.password())))
      } else socket.once('connect', () => resolve(true))
    })
  for (const place of target.places()) {
    for (let count = 0; count < most; count += 50) await Promise.all(Array.from({ length: 50 }, () => enter(place)))
    await until('nobody else comes in', async () => /closed/.test(await talk(place, command('PING'))))
  }
  return {
    [Symbol.dispose]: () => {
      for (const socket of all) socket.destroy()
    },
  }
}

/** One that is paused already answers nothing. */
const pause = async (target: HinderTarget): Promise<Disposable> => {
  const words = Buffer.concat([command('AUTH', target.user, target.password()), command('CLIENT', 'PAUSE', '36000000', 'ALL')])
  const pauseAt = (place: Place): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect({ host: place.host, port: place.port, ...trusting(place.ca ?? '') }, () => socket.write(words))
      let heard = ''
      socket.on('data', (text: Buffer) => {
        heard += text.toString()
        if (heard.split('+OK').length > 2) socket.destroy()
      })
      socket.on('error', () => socket.destroy())
      socket.setTimeout(500, () => socket.destroy())
      socket.on('close', () => resolve())
    })
  await Promise.all(target.places().map(pauseAt))
  return { [Symbol.dispose]: () => undefined }
}

/** What each connection sends ahead, again and again. */
type Packets = readonly (readonly (readonly string[])[])[]

const many = <Item>(count: number, item: Item): readonly Item[] => Array.from({ length: count }, () => item)
const forever = 'while true do end'
const functions = `#!lua name=endless
redis.register_function('forever', function() ${forever} end)`
/** Nobody gets his turn between two of them. */
const inARow: Packets = [
  many(100, ['EVAL', forever, '0']),
  [['FUNCTION', 'LOAD', 'REPLACE', functions], ...many(100, ['FCALL', 'forever', '0'])],
  [['MULTI'], ...many(50, ['EVAL', forever, '0']), ['EXEC']],
  many(100, ['EVAL_RO', 'while true do pcall(function() while true do end end) end', '0']),
]
/** A node that has said nothing for so long carries out a script: what is refused is answered at once. Later it says so. */
const deafMs = 600

/** Scripts at every node, from connections that come back when they are closed; begun where every node carries one out. */
const scripts = async (target: HinderTarget): Promise<Disposable> => {
  const open = new Set<TLSSocket>()
  const places = target.places()
  const heardAt = new Map<Place, number>()
  const busy = new Set<Place>()
  let stopped = false
  const begin = (place: Place, packet: Buffer): void => {
    if (stopped) return
    const socket = connect({ host: place.host, port: place.port, ...trusting(place.ca ?? '') }, () =>
      socket.write(command('AUTH', target.user, target.password())),
    )
    open.add(socket)
    socket.on('data', (bytes: Buffer) => {
      heardAt.set(place, performance.now())
      if (bytes.includes('busy running a script')) busy.add(place)
      if (!stopped && socket.writableLength === 0) socket.write(packet)
    })
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      open.delete(socket)
      setTimeout(() => begin(place, packet), 50)
    })
  }
  for (const place of places) for (const each of inARow) begin(place, Buffer.concat(each.map((words) => command(...words))))
  await until('the scripts run', () =>
    places.every((place) => busy.has(place) || performance.now() - (heardAt.get(place) ?? Number.POSITIVE_INFINITY) > deafMs),
  )
  return {
    [Symbol.dispose]: () => {
      stopped = true
      for (const socket of open) socket.destroy()
    },
  }
}

/** At most that many places has a node of the group under attack. */
export const placesOfNode = 100

const hindrances: readonly (readonly [name: string, begin: (target: HinderTarget) => Promise<Disposable>])[] = [
  ['CLIENT KILL USER larder in a loop', (target) => loop(target, [['CLIENT', 'KILL', 'USER', 'larder']])],
  ['CLIENT KILL TYPE normal in a loop', (target) => loop(target, [['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes']])],
  ['CLIENT KILL USER default in a loop', (target) => loop(target, [['CLIENT', 'KILL', 'USER', 'default']])],
  ['every place taken, without a login', (target) => crowd(target, placesOfNode, false)],
  ['every place taken, with a login', (target) => crowd(target, placesOfNode, true)],
  ['CLIENT PAUSE ALL for ten hours', pause],
]

/** `in 12 ms`, from when the change is asked for until it is in force; on a machine that is slow or busy as long as it would have been on a quick one at rest. */
const timed = async (target: HinderTarget, change: string, begin: (target: HinderTarget) => Promise<Disposable>) => {
  const make = target.changes[change]
  if (make === undefined) throw new Error(`expected a change of the group, found ${change}`)
  let undo: () => Promise<unknown>
  let ms: number
  {
    using _hindrance = await begin(target)
    const since = performance.now()
    undo = await make()
    ms = performance.now() - since
  }
  await undo()
  return `in ${Math.ceil(ms / patience)} ms`
}

/** A switch and a failover end scripts too; how long they take against floods of them at every node was not held to a bound yet. */
const againstScripts: ReadonlySet<string> = new Set(['settings change', 'a user is taken away', 'a token is rotated'])

export const hinderingAttacks = (changes: readonly string[]): readonly Attack<HinderTarget>[] => [
  ...hindrances.flatMap(([name, begin]) =>
    changes.map((change) => ({
      name: `${name}: ${change}`,
      how: (target: HinderTarget) => timed(target, change, begin),
      must: /^in \d{1,3} ms$/,
    })),
  ),
  ...changes
    .filter((change) => againstScripts.has(change))
    .map((change) => ({
      name: `scripts, functions and transactions in a row: ${change}`,
      how: (target: HinderTarget) => timed(target, change, scripts),
      // An engine listens to nobody for the first five seconds of a script. A token is rotated in two steps.
      must: /^in (?:\d{1,4}|1\d{4}) ms$/,
    })),
]
