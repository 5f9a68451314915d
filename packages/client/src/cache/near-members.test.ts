/** Who is waited for, when what is known of the members is lost: a server evicts keys, and is flushed. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { connectNodeRedis } from '../adapters/node-redis.ts'
import type { Connection } from '../connection/connection.ts'
import { openServers, type Server, type Servers, until } from '../testing/servers.ts'
import { keysOf } from './keys.ts'
import { createSettling, joinMembers, type Membership } from './near-members.ts'

/** A member whose packets are held back when it is told to. */
interface Held {
  readonly membership: Membership
  /** Packets that wait. */
  readonly waiting: (() => void)[]
  hold(): void
  close(): Promise<void>
}

const names = ['cache:{near}:members', 'cache:{near}:clock'] as const
const keys = keysOf('cache')
const lease = 1_000

describe('members of near caches', () => {
  let servers: Servers
  let server: Server
  let writer: Connection
  const opened: Held[] = []
  before(async () => {
    servers = await openServers()
    server = await servers.start()
    writer = await connectNodeRedis({ url: server.url })
    await until(
      'the server is not new',
      async () => Number(/uptime_in_seconds:(\d+)/.exec(String(await server.command('INFO')))?.[1]) >= 2,
    )
  })
  after(async () => {
    await Promise.all(opened.map(({ close }) => close()))
    await writer.close()
    await servers[Symbol.asyncDispose]()
  })
  const open = async (): Promise<Held> => {
    const connection = await connectNodeRedis({ url: server.url, track: true, commandTimeout: 5_000 })
    const waiting: (() => void)[] = []
    let isHeld = false
    const held: Held = {
      waiting,
      hold: () => {
        isHeld = true
      },
      membership: joinMembers({
        keys,
        connection: {
          ...connection,
          send: async (...args) => {
            if (isHeld) await new Promise<void>((resolve) => void waiting.push(resolve))
            return connection.send(...args)
          },
        },
        drop: () => undefined,
        failed: () => undefined, // told by what is asserted
      }),
      close: async () => {
        isHeld = false
        for (const go of waiting.splice(0)) go()
        await held.membership.close()
        await connection.close()
      },
    }
    opened.push(held)
    await until('it is a member', () => held.membership.trustedUntil() > performance.now())
    return held
  }
  const settle = (): Promise<void> => createSettling(writer, keys)(async () => undefined)
  const took = async (work: Promise<unknown>): Promise<number> => {
    const began = performance.now()
    await work
    return performance.now() - began
  }
  /** Without the time in which this process did not get to run. */
  const ranFor = async (work: Promise<unknown>): Promise<number> => {
    let [last, ran] = [performance.now(), 0]
    const tick = (): void => {
      const now = performance.now()
      ran += Math.min(now - last, 10)
      last = now
    }
    const timer = setInterval(tick, 5)
    try {
      await work
      tick()
      return ran
    } finally {
      clearInterval(timer)
    }
  }

  it('are not waited for where there are none, and not for longer than they need where there are', async () => {
    assert.ok((await ranFor(settle())) < 500)
    const member = await open()
    assert.ok((await ranFor(settle())) < 500)
    await member.close()
    assert.ok((await ranFor(settle())) < 500)
  })

  it('have not seen to an invalidation because they have seen to one of before the clock was lost', async () => {
    const slow = await open()
    slow.hold()
    // It has read the number of this one, and is about to say so.
    const first = settle()
    await until('it is about to ask', () => slow.waiting.length > 0)
    slow.waiting.shift()?.()
    await until('it is about to say so', () => slow.waiting.length > 0)
    await server.command('DEL', names[1])
    let isSettled = false
    const second = settle().then(() => {
      isSettled = true
    })
    await until('the second one is announced', async () => (await server.command('EXISTS', names[1])) === 1)
    slow.waiting.shift()?.()
    await first
    await until('it is about to ask again', () => slow.waiting.length > 0)
    await delay(50) // so that a wrong one would have settled
    assert.equal(isSettled, false)
    await slow.close()
    await second
  })

  it('are waited for when the list of them is lost while somebody waits', async () => {
    const silent = await open()
    silent.hold()
    const time = took(settle())
    await until('it is told', () => silent.waiting.length > 0)
    await server.command('DEL', names[0])
    const other = await open()
    assert.ok((await time) >= lease - 50, `${await time} ms`)
    await Promise.all([silent.close(), other.close()])
    await settle() // for the one that was lost
  })

  it('are waited for when the list is lost again while somebody waits for those of the last time', async () => {
    const first = await open()
    await server.command('DEL', names[0])
    await until('it has joined again', async () => Number(await server.command('ZCARD', names[0])) === 3)
    const early = settle()
    await delay(lease / 2)
    const silent = await open()
    silent.hold()
    await server.command('DEL', names[0])
    await until('it has joined again', async () => Number(await server.command('ZCARD', names[0])) === 3)
    await early
    const until1 = silent.membership.trustedUntil()
    assert.ok(until1 > performance.now(), 'the silent one believes')
    await settle()
    assert.ok(performance.now() >= until1)
    await Promise.all([silent.close(), first.close()])
  })

  it('are waited for as long as they may believe where the server has no memory to announce anything in', async () => {
    const silent = await open()
    silent.hold()
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    try {
      const time = await took(settle())
      assert.ok(silent.membership.trustedUntil() <= performance.now(), `it believes after ${time} ms`)
      assert.ok(time < 2 * lease, `${time} ms`)
    } finally {
      await server.command('CONFIG', 'SET', 'maxmemory', '0')
    }
    await silent.close()
  })

  for (const [what, lost] of [
    ['the list of them', names.slice(0, 1)],
    ['all that is known of them', names],
  ] as const) {
    it(`are waited for as long as they may believe when ${what} is lost`, async () => {
      const silent = await open()
      silent.hold()
      await server.command('DEL', ...lost)
      const time = await took(settle())
      assert.ok(time >= lease - 50 && time < 2 * lease, `${time} ms`)
      assert.ok((await took(settle())) < 500, 'once')
      await silent.close()
    })

    it(`are waited for, also when another one has joined again after ${what} was lost`, async () => {
      const [silent, other] = [await open(), await open()]
      silent.hold()
      await server.command('DEL', ...lost)
      await until('the other one has joined again', async () => Number(await server.command('ZCARD', names[0])) > 0)
      assert.ok(silent.membership.trustedUntil() > performance.now(), 'the silent one believes')
      const time = await took(settle())
      assert.ok(silent.membership.trustedUntil() <= performance.now(), `it believes after ${time} ms`)
      assert.ok((await took(settle())) < 500, 'once')
      await Promise.all([silent.close(), other.close()])
    })
  }
})
