/** `larder logs NODE [-f] [--all]`: what an engine said. */
import { createReadStream, existsSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { StringDecoder } from 'node:string_decoder'
import { setTimeout as sleep } from 'node:timers/promises'
import { createGunzip } from 'node:zlib'
import { LarderError } from '../errors.ts'
import { openFollower } from '../observe/follow.ts'
import { predecessorsOf } from '../observe/predecessors.ts'
import { visible } from '../observe/visible.ts'
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

/** Clients can write lines of an engine's log: they command no terminal. */
async function* shown(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8')
  for await (const chunk of chunks) yield visible(decoder.write(chunk))
  yield visible(decoder.end())
}

const printPredecessors = async (file: string): Promise<void> => {
  for (const { path, isCompressed } of predecessorsOf(file)) {
    const source = createReadStream(path)
    if (isCompressed) await pipeline(source, createGunzip(), shown, out, { end: false })
    else await pipeline(source, shown, out, { end: false })
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
  const decoder = new StringDecoder('utf8')
  const follower = openFollower(file, all ? Number.POSITIVE_INFINITY : fewBytes)
  try {
    if (all) await printPredecessors(file)
    const present = visible(decoder.write(follower.more()))
    out.write(all ? present : lastLines(present))
    while (follow) {
      await sleep(pollMs)
      const more = follower.more()
      if (more.length > 0) out.write(visible(decoder.write(more)))
    }
  } finally {
    follower.close()
  }
  return 0
}
