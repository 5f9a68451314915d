/** What goes wrong during a run: connections are cut, keys are lost, servers are held up, and in a cluster primaries die. */
import { setTimeout as delay } from 'node:timers/promises'
import { type Server, until } from '../packages/client/src/testing/servers.ts'

/** A primary, and the replica that takes its place. */
export interface Shard {
  primary: Server
  replica: Server | null
  /** `maxmemory` */
  readonly memory: string
}

/** What is known of who has a near cache: two keys, which are lost by themselves too seldom. */
const members = ['cache:{near}:members', 'cache:{near}:clock'] as const

const loseMembers = async (shards: readonly Shard[], random: () => number): Promise<void> => {
  const which = random()
  const names = which < 0.4 ? members.slice(0, 1) : which < 0.8 ? members.slice(1) : members
  for (const { primary } of shards)
    await primary.command('DEL', ...names).catch((error: unknown) => {
      // Another shard has them.
      if (!(error instanceof Error && error.message.startsWith('MOVED'))) throw error
    })
}

const loseAny = async ({ primary }: Shard): Promise<void> => {
  for (let turn = 0; turn < 5; turn += 1) {
    const key = await primary.command('RANDOMKEY')
    if (key !== null) await primary.command('DEL', String(key))
  }
}

const holdUp = async ({ primary }: Shard, random: () => number): Promise<void> => {
  process.kill(primary.pid, 'SIGSTOP')
  await delay(random() * 150)
  process.kill(primary.pid, 'SIGCONT')
}

/** Everything is evicted, and then nothing can be written. */
const fill = async ({ primary, memory }: Shard, random: () => number): Promise<void> => {
  await primary.command('CONFIG', 'SET', 'maxmemory', '1')
  await delay(random() * 200)
  await primary.command('CONFIG', 'SET', 'maxmemory', memory)
}

const says = async (server: Server, what: RegExp): Promise<boolean> =>
  what.test(String(await server.command('INFO', 'replication')))

/** As Larder does it: the dead one takes no writes any more, so the replica may take over without a vote. What it had not sent is lost. */
const failOver = async (shard: Shard): Promise<void> => {
  const { primary, replica } = shard
  if (replica === null) return
  await primary.kill()
  await replica.command('CLUSTER', 'FAILOVER', 'TAKEOVER')
  await until('the replica is primary', () => says(replica, /^role:master/m))
  await primary.restart()
  await until('the old primary follows', () => says(primary, /^master_link_status:up/m), 30_000)
  shard.primary = replica
  shard.replica = primary
}

/** Until it is told to end. Gives how often, and how many primaries have died. */
export const disturb = async (
  shards: readonly Shard[],
  random: () => number,
  signal: AbortSignal,
): Promise<{ readonly times: number; readonly deaths: number }> => {
  let [times, deaths] = [0, 0]
  while (!signal.aborted) {
    await delay(50 + random() * 250, undefined, { signal }).catch(() => undefined) // the end
    const shard = shards[Math.floor(random() * shards.length)]
    if (signal.aborted || shard === undefined) break
    times += 1
    const what = random()
    if (what < 0.03) await loseMembers(shards, random)
    else if (what < 0.06) await fill(shard, random)
    else if (what < 0.6) await loseAny(shard)
    else if (what < 0.85) await shard.primary.command('CLIENT', 'KILL', 'TYPE', 'normal', 'MAXAGE', '1', 'SKIPME', 'yes')
    else if (what < 0.93 || shard.replica === null) await holdUp(shard, random)
    else {
      await failOver(shard)
      deaths += 1
    }
  }
  return { times, deaths }
}
