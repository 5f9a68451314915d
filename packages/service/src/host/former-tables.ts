/**
 * Tables of homes that are no longer there. They guard and balance addresses that this home gives to its own nodes by now: a node would be unreachable,
 * or a stranger let in, by rules that nobody knows.
 */
import type { Block } from '../model/addresses.ts'
import { blockOf } from '../model/addresses.ts'
import type { Log } from '../ports/log.ts'
import { applyRules, listTables } from './nftables.ts'
import { removalText } from './nftables-rules.ts'
import { runTool } from './tool.ts'

const deadlineMs = 10_000
const ofHomes = /^larder_[0-9a-f]{8}(?:_guard)?$/

/**
 * The addresses whose connections the rules of a table decide, out of what `nft list table` prints. Sources are not among
 * them: any home may let in any source.
 */
export const decidedAddresses = (listing: string): readonly string[] =>
  [...listing.matchAll(/\bip daddr (?:vmap )?(\{[^}]*\}|[\d.]+)/g)].flatMap(
    ([, match = '']) => match.match(/\d+(?:\.\d+){3}/g) ?? [],
  )

/**
 * Removes the tables of other homes that decide about addresses of this home's block and of no other. The block is this home's alone, so whoever made
 * them is gone, or was this home in another folder. Rejects as nft does; gives the names of what was removed.
 */
export const removeFormerTables = async (
  nft: readonly string[],
  { block, own, log }: { readonly block: Block; readonly own: readonly string[]; readonly log: Log },
): Promise<readonly string[]> => {
  const removed: string[] = []
  for (const table of await listTables(nft)) {
    if (!ofHomes.test(table) || own.includes(table)) continue
    const addresses = decidedAddresses(await runTool([...nft, 'list', 'table', 'ip', table], { deadlineMs }))
    if (addresses.length === 0 || addresses.some((address) => blockOf(address)?.first !== block.first)) continue
    await applyRules(nft, removalText(table))
    log('warn', 'rules of a home that is no longer there decided about addresses of this home, and were removed', {
      table,
      addresses: addresses.length,
    })
    removed.push(table)
  }
  return removed
}
