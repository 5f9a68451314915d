/** Reads from the primaries what there is of everything that was acknowledged. */
import type { Reply } from '../packages/service/src/engines/valkey/resp.ts'
import { slowness } from '../packages/service/src/testing/busy-machine.ts'
import { type Link, openLink } from './asking.ts'
import type { ShardLayout } from './groups.ts'
import type { Ward } from './health.ts'
import type { Entry, KeptList, Ledger } from './ledger.ts'

const deadlineMs = 10_000 * slowness
const chunk = 5_000
/** Older lists are read a last time and removed, so that neither the nodes nor this process grow without end. */
const keptRounds = 20

const textsOf = (reply: Reply | undefined): readonly string[] => {
  if (!Array.isArray(reply)) throw reply instanceof Error ? reply : new TypeError(`expected a list, found ${String(reply)}`)
  return reply.map(String)
}

const wholeList = async (link: Link, list: string, length: number): Promise<readonly string[]> => {
  const found: string[] = []
  while (found.length < length) {
    const [part] = await link.send([['LRANGE', list, String(found.length), String(found.length + chunk - 1)]], deadlineMs)
    const texts = textsOf(part)
    if (texts.length === 0) break
    found.push(...texts)
  }
  return found
}

const lengthsOf = async (link: Link, lists: readonly KeptList[]): Promise<readonly number[]> => {
  const replies = await link.send(
    lists.map(({ list }) => ['LLEN', list]),
    deadlineMs,
  )
  return replies.map((reply) => {
    if (typeof reply !== 'number')
      throw reply instanceof Error ? reply : new TypeError(`expected a length, found ${String(reply)}`)
    return reply
  })
}

const readShard = async (
  ward: Ward,
  ledger: Ledger,
  shard: ShardLayout,
  round: number,
  all: boolean,
): Promise<readonly Entry[]> => {
  const primary = shard.nodes.find((node) => node.id === ward.world.primaryOf(shard.group, shard.shard))
  if (primary === undefined) throw new Error(`expected ${shard.key} to have a primary`)
  const lists = ledger.listsOf(shard.key).filter((each) => each.round <= round)
  const link = await openLink(primary, deadlineMs)
  try {
    const lengths = await lengthsOf(link, lists)
    const lost: Entry[] = []
    for (const [index, { list, length, round: written }] of lists.entries()) {
      const isOld = written <= round - keptRounds
      const there = lengths[index] ?? 0
      if (all || isOld || there !== length) lost.push(...ledger.read(list, await wholeList(link, list, there)))
      if (!isOld) continue
      ledger.forget(list)
      await link.send([['UNLINK', list]], deadlineMs)
    }
    return lost
  } finally {
    link.close()
  }
}

/**
 * No write into the lists of this round and earlier ones may be under way. Lists that are as long as when they were read are not read
 * again, unless `all` is asked for. Returns what is lost since the last time.
 */
export const readBack = async (ward: Ward, ledger: Ledger, round: number, all = false): Promise<readonly Entry[]> => {
  const losses = await Promise.all(ward.shards.map((shard) => readShard(ward, ledger, shard, round, all)))
  return losses.flat()
}
