/** `larder logs NODE [-f] [--all]`: what an engine said. */
import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import { LarderError } from '../errors.ts'
import { openFollower } from '../observe/follow.ts'
import { predecessorsOf } from '../observe/predecessors.ts'
import { existingHome } from './access.ts'
import { findNamed } from './groups.ts'
import { currentReport } from './report.ts'

const fewLines = 200
const fewBytes = 64 * 1024
const pollMs = 200

interface LogsOptions {
  /** Until somebody ends it. */
  readonly follow: boolean
  /** From the oldest line that is kept. */
  readonly all: boolean
}

const out = process.stdout

const printPredecessors = async (file: string): Promise<void> => {
  for (const { path, isCompressed } of predecessorsOf(file)) {
    const source = createReadStream(path)
    if (isCompressed) await pipeline(source, createGunzip(), out, { end: false })
    else await pipeline(source, out, { end: false })
  }
}

/** Whole lines, and no more than so many. */
const lastLines = (text: string): string =>
  text
    .split('\n')
    .slice(-fewLines - 1)
    .join('\n')

export const logs = async ([name]: readonly string[], { follow, all }: LogsOptions): Promise<number> => {
  if (name === undefined) throw new LarderError('usage', 'expected: larder logs NODE [-f] [--all]')
  const { home } = existingHome()
  const { group, node } = findNamed(await currentReport(), name)
  const nodes = group.shards.flatMap((shard) => shard.nodes)
  const one = node ?? (nodes.length === 1 ? nodes[0] : undefined)
  if (one === undefined)
    throw new LarderError(
      'usage',
      `expected one of the nodes ${nodes.map((each) => each.id).join(', ')}, found the group ${name}`,
    )
  const file = join(home.nodeFolder(group.region, one.id), 'engine.log')
  if (!existsSync(file)) throw new LarderError('usage', `node ${one.id} has said nothing yet`)
  const follower = openFollower(file, all ? Number.POSITIVE_INFINITY : fewBytes)
  try {
    if (all) await printPredecessors(file)
    const present = follower.more()
    out.write(all ? present : lastLines(present.toString()))
    while (follow) {
      await sleep(pollMs)
      const more = follower.more()
      if (more.length > 0) out.write(more)
    }
  } finally {
    follower.close()
  }
  return 0
}
