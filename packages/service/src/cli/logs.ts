import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { LarderError } from '../errors.ts'
import { existingHome } from './access.ts'
import { findNamed } from './groups.ts'
import { currentReport } from './report.ts'
import { runForeground } from './spawned.ts'

/** `larder logs NODE [-f]` */
export const logs = async ([name]: readonly string[], { follow }: { readonly follow: boolean }): Promise<number> => {
  if (name === undefined) throw new LarderError('usage', 'expected: larder logs NODE [-f]')
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
  return runForeground(['tail', '-n', '200', ...(follow ? ['-F'] : []), file], process.env, `look into ${file}`)
}
